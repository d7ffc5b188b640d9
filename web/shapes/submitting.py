"""What is sent to be judged, and how it shall be."""

from typing import Annotated

from pydantic import BaseModel, Field

from web.shapes.terms import Aggregate, Preset, Priority, Request, Text


class JudgingOptions(Request):
    """How to judge, as the options of `fakesweep submit` say."""

    preset: Preset = "standard"
    frames: int | None = Field(default=None, ge=1, le=100_000, description="Frames per video, not the preset's.")
    max_frames: int = Field(default=256, ge=1, le=100_000)
    aggregate: Aggregate = "mean"
    priority: Priority = "interactive"
    force: bool = Field(default=False, description="Judge again what was judged before.")


class NewBatch(JudgingOptions):
    """Files and directories of the server, below its roots."""

    paths: list[Annotated[Text, Field(min_length=1, max_length=4096)]] = Field(min_length=1, max_length=1000)
    name: Annotated[Text, Field(min_length=1, max_length=200)] | None = None


class NewUpload(JudgingOptions):
    """A file that is about to be sent."""

    name: Annotated[Text, Field(min_length=1, max_length=1000)] = Field(description="As it is called on your side.")
    size_bytes: int = Field(ge=1, le=2**50)


class Upload(BaseModel):
    """A file that is being sent."""

    id: str
    name: str = Field(description="Without what has no place in a name of ours.")
    size_bytes: int
    offset: int = Field(description="Bytes that have come; send the next ones from here.")
    chunk_limit_bytes: int
    expires_at: str
    batch_id: int | None = Field(description="The batch that it became, once it is complete.")
