"""What an operator does to a whole batch: stop it, or try again what did not end well."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, case, exists, func, null, select, update
from sqlalchemy.orm import Session, aliased

from db.clock import db_now
from db.leases import IS_QUEUED, IS_RUNNING
from db.tables.batches import Batch, Entry
from db.tables.scans import Scan

RETRYABLE_STATES = ("failed", "quarantined", "unreadable", "cancelled")


@dataclass(frozen=True)
class Cancelled:
    """What cancelling came to.

    Args:
        ended: scans that waited, and are cancelled now.
        stopping: scans that run, and whose workers were asked to stop.
        kept: scans not done yet that another batch wants too.
    """

    ended: int
    stopping: int
    kept: int


def cancel_scans(session: Session, batch_id: int) -> Cancelled:
    """Cancels what a batch still waits for, except what another batch that was not cancelled wants too."""
    batch = update(Batch).where(Batch.id == batch_id, Batch.cancelled_at.is_(None))
    session.execute(batch.values(cancelled_at=db_now()))
    of_batch = Scan.id.in_(_scan_ids(batch_id))
    # Locked first: a submission that links one of these at this moment is then seen by the next statement.
    locked = (
        select(Scan.id)
        .where(of_batch, IS_QUEUED | IS_RUNNING)
        .order_by(Scan.id)
        .with_for_update(key_share=True)
        .subquery()
    )
    waiting = session.scalar(select(func.count()).select_from(locked)) or 0
    unwanted = ~_wanted_elsewhere(batch_id)
    silent = update(Scan).execution_options(synchronize_session=False)
    stopping = session.scalars(
        silent.where(of_batch, IS_RUNNING, unwanted).values(is_cancel_requested=True).returning(Scan.id)
    ).all()
    ended = session.scalars(
        silent.where(of_batch, IS_QUEUED, unwanted)
        .values(state="cancelled", reason="cancelled", detail=null(), finished_at=db_now())
        .returning(Scan.id)
    ).all()
    return Cancelled(len(ended), len(stopping), waiting - len(ended) - len(stopping))


def retry_scans(session: Session, batch_id: int, states: Sequence[str]) -> int:
    """Queues the scans of a batch anew that ended in one of `states`, with all chances; returns how many.

    Raises:
        ValueError: a state from which nothing is tried again.
    """
    wrong = [state for state in states if state not in RETRYABLE_STATES]
    if wrong:
        raise ValueError(f"state must be one of {', '.join(RETRYABLE_STATES)}, got {wrong[0]!r}")
    path = (
        select(Entry.path)
        .where(Entry.batch_id == batch_id, Entry.scan_id == Scan.id)
        .order_by(Entry.position)
        .limit(1)
        .scalar_subquery()
    )
    retried = session.scalars(
        update(Scan)
        .where(Scan.id.in_(_scan_ids(batch_id)), Scan.state.in_(states))
        .values(
            state="queued",
            reason=null(),
            detail=null(),
            evidence=null(),
            warnings=[],
            attempts=0,
            losses=0,
            is_cancel_requested=False,
            not_before=null(),
            queued_at=db_now(),
            sent_at=null(),
            finished_at=null(),
            # The file where this batch found it; another one than before is hashed before it is judged.
            path=path,
            mtime_ns=case((Scan.path == path, Scan.mtime_ns), else_=0),
        )
        .returning(Scan.id)
        .execution_options(synchronize_session=False)
    ).all()
    if retried:
        session.execute(update(Batch).where(Batch.id == batch_id).values(cancelled_at=null()))
    return len(retried)


def count_without_content(session: Session, batch_id: int, states: Sequence[str]) -> int:
    """How many entries in one of `states` have no content to try again, and must be submitted anew."""
    query = select(func.count()).select_from(Entry).where(Entry.batch_id == batch_id, Entry.state.in_(states))
    return session.scalar(query) or 0


def _scan_ids(batch_id: int) -> Select[int | None]:
    return select(Entry.scan_id).where(Entry.batch_id == batch_id, Entry.scan_id.is_not(None))


def _wanted_elsewhere(batch_id: int) -> ColumnElement[bool]:
    other = aliased(Entry)
    return exists(
        select(other.id)
        .join(Batch, Batch.id == other.batch_id)
        .where(other.scan_id == Scan.id, other.batch_id != batch_id, Batch.cancelled_at.is_(None))
    )
