"""Single pictures that are judged at once."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from web.shapes.terms import Request, Text, Verdict


class Face(BaseModel):
    """A face in a picture."""

    box_px: list[float]
    detection: float
    score: float


class Picture(BaseModel):
    """What was found in a picture."""

    model_config = ConfigDict(extra="allow")

    state: Literal["judged", "no_face", "unreadable", "failed"]
    reason: str | None
    detail: str | None
    score: float | None
    verdict: Verdict | None
    width_px: int | None
    height_px: int | None
    faces: list[Face]
    seconds: dict[str, float] | None
    heat_map: str | None = Field(default=None, description="A PNG as a data URL: the picture with boxes and heat maps.")


class PictureJudged(BaseModel):
    """A picture with its judge."""

    image: Picture
    classifier: dict[str, Any]
    thresholds: dict[str, Any]
    seconds: float = Field(description="Wall seconds from the request to the answer.")
    picture: str | None = Field(default=None, description="The generated picture as a data URL.")


class Prompt(Request):
    """What an image API shall draw."""

    prompt: Annotated[Text, Field(min_length=1, max_length=2000)] = "a studio portrait photograph of a person"
    size: str = Field(default="1024x1024", pattern=r"^\d{2,4}x\d{2,4}$")
