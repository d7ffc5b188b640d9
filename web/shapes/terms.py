"""The words of the field that requests and answers share."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

State = Literal["queued", "running", "judged", "no_face", "unreadable", "failed", "quarantined", "cancelled"]
Verdict = Literal["fake", "real", "uncertain"]
Label = Literal["real", "fake"]
Preset = Literal["fast", "standard", "thorough"]
Aggregate = Literal["mean", "top-k", "confident", "max-track"]
Priority = Literal["interactive", "bulk"]
Retryable = Literal["failed", "quarantined", "unreadable", "cancelled"]

# What PostgreSQL can store, and no more than an identifier may have.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]


class Request(BaseModel):
    """A body in which nothing unknown may stand."""

    model_config = ConfigDict(extra="forbid")
