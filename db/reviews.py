"""The labels that reviewers give; they stand beside the machine's verdicts."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.clock import db_now
from db.tables.people import Review
from db.tables.scans import Scan
from db.text import storable

Label = Literal["real", "fake"]
LABELS: tuple[Label, ...] = ("real", "fake")


@dataclass(frozen=True)
class ReviewRecord:
    """A label as the database has it; `created_at` is seconds since the epoch."""

    id: int
    label: str
    note: str | None
    reviewer: str | None
    created_at: float


def add_review(
    session: Session, video_id: int, *, label: str, note: str | None = None, reviewer: str | None = None
) -> int:
    """Writes a label down, with the scan that the reviewer saw; returns the review's id.

    Raises:
        ValueError: another label than "real" or "fake".
    """
    if label not in LABELS:
        raise ValueError(f"label must be one of {', '.join(LABELS)}, got {label!r}")
    latest = select(Scan.id).where(Scan.video_id == video_id).order_by(Scan.id.desc()).limit(1)
    review = Review(
        video_id=video_id,
        scan_id=session.scalar(latest),
        label=label,
        note=None if note is None else storable(note, limit=4000),
        reviewer=None if reviewer is None else storable(reviewer, limit=200),
        created_at=session.scalar(select(db_now())),
    )
    session.add(review)
    session.flush()
    return review.id


def list_reviews(session: Session, video_id: int) -> list[ReviewRecord]:
    """The labels of a video, the latest first."""
    rows = session.scalars(select(Review).where(Review.video_id == video_id).order_by(Review.id.desc()))
    return [ReviewRecord(row.id, row.label, row.note, row.reviewer, row.created_at) for row in rows]


def remove_review(session: Session, review_id: int, *, video_id: int, reviewer: str | None = None) -> bool:
    """Takes a label of a video back; with `reviewer`, only one of theirs. Returns whether there was one."""
    removal = delete(Review).where(Review.id == review_id, Review.video_id == video_id)
    if reviewer is not None:
        removal = removal.where(Review.reviewer == reviewer)
    return bool(session.scalars(removal.returning(Review.id)).all())
