"""Submissions, and what is done with them."""

from pydantic import BaseModel, Field

from web.shapes.terms import Request, Retryable


class Counts(BaseModel):
    """Entries by state."""

    queued: int
    running: int
    judged: int
    no_face: int
    unreadable: int
    failed: int
    quarantined: int
    cancelled: int


class Verdicts(BaseModel):
    """Judged entries by verdict."""

    fake: int
    real: int
    uncertain: int


class Batch(BaseModel):
    """A submission with its counts."""

    id: int
    name: str
    created_at: str
    priority: str
    counts: Counts
    submitted: int
    ignored: int
    verdicts: Verdicts
    finished: int
    is_submitted: bool
    is_cancelled: bool
    is_finished: bool


class BatchList(BaseModel):
    """A page of batches, the newest first."""

    batches: list[Batch]
    next_cursor: str | None


class BatchStarted(BaseModel):
    """A batch that was begun; while `is_submitted` is false, its files are still being read."""

    batch: Batch


class Cancelled(BaseModel):
    """What a cancellation came to."""

    ended: int = Field(description="Scans that waited.")
    stopping: int = Field(description="Scans that ran and were told to stop.")
    kept: int = Field(description="Scans that another batch wants too.")


class Retry(Request):
    """Which scans to queue again."""

    states: list[Retryable] = Field(default=["failed"], min_length=1, max_length=4)


class Retried(BaseModel):
    """What a retry came to."""

    requeued: int
    without_content: int
