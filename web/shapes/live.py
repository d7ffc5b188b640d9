"""Cameras and streams."""

from typing import Literal

from pydantic import BaseModel, Field

from web.shapes.terms import Verdict


class LivePicture(BaseModel):
    """What was seen in one picture of a live source."""

    t_s: float = Field(description="Since the source began.")
    faces: int
    score: float | None = Field(description="Of the highest face; null without one.")
    mean: float | None = Field(description="Of the latest pictures with a face.")
    verdict: Verdict | None = Field(description="Of the mean.")
    per_s: float = Field(description="Pictures judged in a second of late.")
    dropped: int = Field(description="Pictures that were missed so far, so as not to lag behind.")
    look: Verdict | None = Field(description="What the thresholds make of `score`.")


class LiveSource(BaseModel):
    """A camera or stream that the server was started with."""

    id: int
    name: str
    state: Literal["off", "starting", "running", "ended"]
    detail: str | None = Field(description="Why it ended.")
    viewers: int
    now: LivePicture | None
    recent: list[LivePicture] = Field(description="The latest pictures, the newest last.")


class LiveSourceList(BaseModel):
    """The live sources, without what was seen of late."""

    sources: list[LiveSource]
