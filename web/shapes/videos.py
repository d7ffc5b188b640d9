"""Videos, their evidence, and what people say of them."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from web.shapes.terms import Label, Request, State, Text, Verdict


class BatchName(BaseModel):
    """Number and name of a batch."""

    id: int
    name: str


class ListedVideo(BaseModel):
    """A file of a submission, as lists show it."""

    id: int | None = Field(description="Of its content; null where it could not be read.")
    entry_id: int
    batch: BatchName
    path: str
    path_b64: str | None = None
    sha256: str | None
    state: State
    reason: str | None
    warnings: list[str]
    score: float | None
    verdict: Verdict | None
    label: Label | None
    reused: bool
    stage: str | None
    progress: float | None
    size_bytes: int | None
    duration_s: float | None
    width_px: int | None
    height_px: int | None
    codec: str | None
    faces: int | None
    finished_at: str | None


class VideoList(BaseModel):
    """A page of videos."""

    videos: list[ListedVideo]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null on the last.")


class Video(BaseModel):
    """All that is known of a video: what the JSON report says of it, and more."""

    model_config = ConfigDict(extra="allow")

    id: int
    path: str
    sha256: str
    state: State
    score: float | None
    verdict: Verdict | None
    frames: list[dict[str, Any]]
    tracks: list[dict[str, Any]]
    reviews: list[dict[str, Any]]


class EvidenceFace(BaseModel):
    """A face that was kept when a video was judged, with the addresses of its pictures."""

    t_s: float
    box_px: list[float]
    track: int
    score: float
    width_px: int
    height_px: int
    face: str = Field(description="The square that the classifier saw, as JPEG.")
    frame: str = Field(description="The whole frame, made smaller, as JPEG.")
    heat: str | None = Field(description="The heat map, as a PNG to be laid over the face.")


class Evidence(BaseModel):
    """The faces that scored highest, the highest first; none where they were not kept."""

    faces: list[EvidenceFace]
    problem: str | None = Field(description="What is wrong with the file that should hold them; null where nothing is.")


class NewReview(Request):
    """What a person says of a video."""

    label: Label
    note: Annotated[Text, Field(max_length=4000)] | None = None


class Review(BaseModel):
    """A person's label."""

    id: int
    label: Label
    note: str | None
    reviewer: str | None
    created_at: str


class ReviewList(BaseModel):
    """The labels of a video, the latest first."""

    reviews: list[Review]
