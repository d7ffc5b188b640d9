"""How far a batch is, and what runs at this moment."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from db.clock import db_now
from db.findings import describe_path
from db.headers import describe_header, read_header
from db.leases import IS_QUEUED, IS_RUNNING
from db.reconciling import count_under_way
from db.states import WAITING_STATES
from db.tables.batches import Batch, Entry
from db.tables.scans import Scan
from db.tallies import read_tallies
from db.verdicts import Thresholds
from db.workers import live_workers


@dataclass(frozen=True)
class RunningScan:
    """A scan under way.

    Args:
        progress: share of the present stage, 0..1.
        elapsed_s: seconds since it was claimed.
    """

    scan_id: int
    path: bytes
    worker: str
    stage: str | None
    progress: float
    attempt: int
    elapsed_s: float


@dataclass(frozen=True)
class BatchProgress:
    """How many entries of a batch are in which state, at one moment.

    Args:
        verdicts: how many of those that were judged are called what, by the thresholds that the batch was given.
    """

    counts: dict[str, int]
    is_submitted: bool
    verdicts: dict[str, int] = field(default_factory=dict)

    @property
    def submitted(self) -> int:
        """All entries so far."""
        return sum(self.counts.values())

    @property
    def finished(self) -> int:
        """Entries that are neither queued nor running."""
        return self.submitted - sum(self.counts.get(state, 0) for state in WAITING_STATES)

    @property
    def is_finished(self) -> bool:
        """Whether every entry was written and none is under way."""
        return self.is_submitted and self.finished == self.submitted


def read_progress(session: Session, batch_id: int) -> BatchProgress:
    """Counts the entries of a batch by state and by verdict; what nothing has is left out."""
    is_submitted = session.scalar(select(Batch.is_complete).where(Batch.id == batch_id))
    tallies = read_tallies(session, batch_id)
    return BatchProgress(tallies.states(), bool(is_submitted), tallies.verdicts())


def read_running(session: Session, batch_id: int | None = None, *, limit: int = 200) -> list[RunningScan]:
    """What runs now, of one batch or of all, by worker."""
    query = select(Scan, db_now()).where(IS_RUNNING).order_by(Scan.worker, Scan.id).limit(limit)
    if batch_id is not None:
        query = query.where(exists(select(Entry.id).where(Entry.scan_id == Scan.id, Entry.batch_id == batch_id)))
    return [
        RunningScan(
            scan_id=scan.id,
            path=scan.path,
            worker=scan.worker or "",
            stage=scan.stage,
            progress=scan.progress or 0.0,
            attempt=scan.attempts,
            elapsed_s=max(0.0, now - (scan.started_at or now)),
        )
        for scan, now in session.execute(query)
    ]


def read_status(
    session: Session, batch_id: int, *, aggregate: str | None = None, thresholds: Thresholds | None = None
) -> dict[str, Any]:
    """The head of a batch's report with what runs, the live workers, and what waits over all batches.

    Raises:
        LookupError: there is no such batch.
        ValueError: an aggregation that nobody knows.
    """
    header = read_header(session, batch_id, aggregate=aggregate, thresholds=thresholds)
    running = [
        {
            **describe_path(scan.path),
            "worker": scan.worker,
            "stage": scan.stage,
            "progress": scan.progress,
            "attempt": scan.attempt,
            "elapsed_s": scan.elapsed_s,
        }
        for scan in read_running(session, batch_id)
    ]
    return {
        **describe_header(session, header),
        "is_submitted": header.batch.is_complete,
        "is_cancelled": header.batch.cancelled_at is not None,
        "running": running,
        "workers": [vars(worker) for worker in live_workers(session)],
        "queue": {**count_under_way(session), "oldest_waiting_s": oldest_waiting_s(session)},
    }


def oldest_waiting_s(session: Session) -> float | None:
    """For how long the scan that waits longest has waited, None when none waits."""
    return session.scalar(select(db_now() - func.min(Scan.queued_at)).where(IS_QUEUED))
