"""What was submitted: batches, their entries, and how many of these stand where."""

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy import BigInteger as PlainBigInteger
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, BigInteger


class Batch(Base):
    """The entries of one submission."""

    __tablename__ = "batches"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), index=True)
    created_at: Mapped[float] = mapped_column(Double)
    classifier_id: Mapped[int] = mapped_column(ForeignKey("classifiers.id"))
    # preset, frames, max_frames, aggregate, as asked for.
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    # By what its entries stand as fake, real or uncertain: the aggregation, and what the classifier says of it.
    aggregate: Mapped[str] = mapped_column(String(16), server_default="mean")
    real_below: Mapped[float | None] = mapped_column(Double)
    fake_from: Mapped[float | None] = mapped_column(Double)
    priority: Mapped[str] = mapped_column(String(16))
    ignored: Mapped[int] = mapped_column(default=0)
    # False until every entry of the submission has been written.
    is_complete: Mapped[bool] = mapped_column(Boolean, default=False)
    cancelled_at: Mapped[float | None] = mapped_column(Double)


class Entry(Base):
    """One path of one submission; without a scan it carries its own state, reason and detail."""

    __tablename__ = "entries"
    __table_args__ = (
        UniqueConstraint("batch_id", "position"),
        Index("ix_entries_batch_id_standing_position", "batch_id", "standing", "position"),
        Index("ix_entries_video_id_id", "video_id", "id"),
        CheckConstraint("(scan_id IS NULL) = (state IS NOT NULL)", name="state_of_its_own_or_scan"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"))
    position: Mapped[int]
    path: Mapped[bytes] = mapped_column(LargeBinary)
    video_id: Mapped[int | None] = mapped_column(ForeignKey("videos.id"))
    scan_id: Mapped[int | None] = mapped_column(ForeignKey("scans.id"), index=True)
    state: Mapped[str | None] = mapped_column(String(16))
    # What became of it, as lists choose by it; `db.triggers` keeps it in step with the scan.
    standing: Mapped[str] = mapped_column(String(16), server_default="waiting")
    reason: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str | None] = mapped_column(Text)
    reused: Mapped[bool] = mapped_column(Boolean, default=False)


class Tally(Base):
    """How many entries of a batch stand alike, up to the changes that wait beside it; `db.triggers` writes it.

    Batch 0 counts the scans that wait, over all batches.
    """

    __tablename__ = "tallies"

    batch_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    standing: Mapped[str] = mapped_column(String(16), primary_key=True)
    # The engine that judged them, empty where none did.
    runtime: Mapped[str] = mapped_column(String(32), primary_key=True)
    total: Mapped[int] = mapped_column(PlainBigInteger)


class TallyChange(Base):
    """A change of a tally that was not added up yet: workers that end scans at once need no row in common."""

    __tablename__ = "tally_changes"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    batch_id: Mapped[int] = mapped_column(PlainBigInteger, index=True)
    standing: Mapped[str] = mapped_column(String(16))
    runtime: Mapped[str] = mapped_column(String(32))
    change: Mapped[int] = mapped_column(PlainBigInteger)
