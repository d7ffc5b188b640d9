"""Who works: workers, schedulers, and what schedulers share."""

from sqlalchemy import BigInteger as PlainBigInteger
from sqlalchemy import Double, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base


class WorkerRow(Base):
    """A worker that says it is alive."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    host: Mapped[str] = mapped_column(String(200))
    pid: Mapped[int]
    queues: Mapped[str] = mapped_column(String(200))
    concurrency: Mapped[int]
    started_at: Mapped[float] = mapped_column(Double)
    seen_at: Mapped[float] = mapped_column(Double)


class SweepRow(Base):
    """The one row that schedulers share: when leases were looked at, and until when none is called lost."""

    __tablename__ = "sweeps"

    id: Mapped[int] = mapped_column(primary_key=True)
    swept_at: Mapped[float] = mapped_column(Double)
    # After a time in which nobody could reach the database, workers get this long to renew first.
    grace_until: Mapped[float] = mapped_column(Double)


class SchedulerRow(Base):
    """A `fakesweep scheduler` that says it is alive."""

    __tablename__ = "schedulers"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    host: Mapped[str] = mapped_column(String(200))
    pid: Mapped[int]
    started_at: Mapped[float] = mapped_column(Double)
    seen_at: Mapped[float] = mapped_column(Double)


class WatchedFolder(Base):
    """A folder whose new files are taken; whoever takes some holds the row meanwhile."""

    __tablename__ = "watched_folders"

    # A path may be longer than an index entry of PostgreSQL, so its SHA-256 is the key.
    path_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    path: Mapped[bytes] = mapped_column(LargeBinary)
    # Of the batch: days since the Unix epoch.
    day: Mapped[int | None]
    # What was found last went there; that batch may be gone.
    batch_id: Mapped[int | None] = mapped_column(PlainBigInteger)
