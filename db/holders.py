"""Who holds which scan at this moment, as a drill asks before it hurts somebody."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.clock import db_now
from db.leases import IS_RUNNING
from db.tables.scans import Scan


@dataclass(frozen=True)
class Holding:
    """A running scan, and the lease under which it runs."""

    scan_id: int
    worker: str
    token: int
    runs_alone: bool


def read_holdings(session: Session) -> list[Holding]:
    """Every running scan."""
    columns = (Scan.id, Scan.worker, Scan.token, Scan.runs_alone)
    return [
        Holding(scan_id, worker or "", token, runs_alone)
        for scan_id, worker, token, runs_alone in session.execute(select(*columns).where(IS_RUNNING))
    ]


def count_states(session: Session) -> dict[str, int]:
    """How many scans are in which state, over all batches."""
    counts = session.execute(select(Scan.state, func.count()).group_by(Scan.state))
    return dict(counts.tuples().all())


def read_clock(session: Session) -> float:
    """The database's clock."""
    return float(session.scalar(select(db_now())) or 0.0)
