"""The judging of a video, from the queue to its scores."""

from typing import Any, cast

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy import BigInteger as PlainBigInteger
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, BigInteger, only_where


class Scan(Base):
    """The judging of one video by one classifier with one set of options."""

    __tablename__ = "scans"
    __table_args__ = (
        # A forced scan is a new generation, so two submissions at once cannot both make the same one.
        UniqueConstraint("video_id", "classifier_id", "options_key", "generation"),
        # The indexes of what is under way stay small, however large the archive grows.
        Index("ix_scans_running", "lease_expires_at", **only_where("state = 'running'")),
        Index("ix_scans_sent", "sent_at", **only_where("state = 'queued'")),
        Index("ix_scans_unsent", "priority", "id", **only_where("state = 'queued' AND sent_at IS NULL")),
        Index("ix_scans_waiting", "queued_at", **only_where("state = 'queued'")),
        Index("ix_scans_score_mean", "score_mean", "id", **only_where("score_mean IS NOT NULL")),
        CheckConstraint("(state = 'judged') = (score_mean IS NOT NULL)", name="only_judged_has_score"),
        CheckConstraint("(state = 'running') = (lease_expires_at IS NOT NULL)", name="only_running_has_lease"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id"))
    classifier_id: Mapped[int] = mapped_column(ForeignKey("classifiers.id"))
    # The sampling options that change a score, as one string such as "frames=16 max_frames=256".
    options_key: Mapped[str] = mapped_column(String(200))
    generation: Mapped[int] = mapped_column(default=1)
    frames: Mapped[int]
    max_frames: Mapped[int]
    # Where the content was found when it was submitted; the worker opens this file.
    path: Mapped[bytes] = mapped_column(LargeBinary)
    # Of that file when it was hashed: where it differs now, the content may be another.
    mtime_ns: Mapped[int] = mapped_column(PlainBigInteger)
    priority: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str | None] = mapped_column(Text)
    warnings: Mapped[list[str]] = mapped_column(JSON, default=list)
    # Starts of the judging so far, and how many of them ended with the worker lost.
    attempts: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)
    # True while the present attempt runs with no other scan beside it in its worker.
    runs_alone: Mapped[bool] = mapped_column(Boolean, default=False)
    # The lease: who holds it, its fencing token (rises with every claim), its end.
    worker: Mapped[str | None] = mapped_column(String(200))
    token: Mapped[int] = mapped_column(default=0)
    lease_expires_at: Mapped[float | None] = mapped_column(Double)
    # Not before this moment is the scan claimed again (back-off after a transient error).
    not_before: Mapped[float | None] = mapped_column(Double)
    stage: Mapped[str | None] = mapped_column(String(16))
    progress: Mapped[float | None] = mapped_column(Double)
    is_cancel_requested: Mapped[bool] = mapped_column(Boolean, default=False)
    queued_at: Mapped[float] = mapped_column(Double)
    sent_at: Mapped[float | None] = mapped_column(Double)
    started_at: Mapped[float | None] = mapped_column(Double)
    finished_at: Mapped[float | None] = mapped_column(Double, index=True)
    # The calibrated score of the video under each aggregation; set only when judged.
    score_mean: Mapped[float | None] = mapped_column(Double)
    score_top_k: Mapped[float | None] = mapped_column(Double)
    score_confident: Mapped[float | None] = mapped_column(Double)
    score_max_track: Mapped[float | None] = mapped_column(Double)
    frames_sampled: Mapped[int | None]
    frames_with_faces: Mapped[int | None]
    faces: Mapped[int | None]
    seconds: Mapped[dict[str, float] | None] = mapped_column(JSON(none_as_null=True))
    runtime: Mapped[str | None] = mapped_column(String(32))
    # What the worker left behind when it died: signal, exit status, last stage, stderr tail.
    evidence: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


SCANS = cast(Table, Scan.__table__)
"""For statements that change scans without a session's care for loaded objects, which costs as much as the change."""
