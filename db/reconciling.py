"""Puts back what has no live lease, and finds what must be sent to the broker (again)."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from db.clock import db_now
from db.dialects import insert_or
from db.leases import IS_QUEUED, IS_RUNNING, SUSPECT_LOSSES
from db.tables.crew import SweepRow
from db.tables.scans import Scan
from db.tallies import count_waiting

_THE_ROW = 1
# More losses than this are not kept one by one.
_KEPT_LOSSES = 10
_SWEEP_LIMIT = 1000


@dataclass(frozen=True)
class Sweep:
    """What one look at the leases came to.

    Args:
        requeued: scans put back, suspects among them.
        suspects: of those, scans that from now on run alone.
        quarantined: scans that lost their worker while they ran alone.
        cancelled: lost scans that an operator had asked to stop.
        is_grace: whether workers were given time to renew, because nobody had swept for a while.
    """

    requeued: int = 0
    suspects: int = 0
    quarantined: int = 0
    cancelled: int = 0
    is_grace: bool = False


@dataclass(frozen=True)
class AfterLoss:
    """What becomes of a scan whose worker was lost."""

    state: str
    reason: str
    is_suspect: bool = False


def after_loss(*, losses: int, runs_alone: bool, is_cancel_requested: bool) -> AfterLoss:
    """Decides what becomes of a lost scan.

    Args:
        losses: how often its worker was lost, this time included.
        runs_alone: whether it had its worker to itself, so that no neighbour can be the cause.
    """
    if is_cancel_requested:
        return AfterLoss("cancelled", "cancelled")
    if runs_alone:
        return AfterLoss("quarantined", "worker_lost")
    return AfterLoss("queued", "worker_lost", is_suspect=losses >= SUSPECT_LOSSES)


def take_back_lost(session: Session, *, gap_s: float, grace_s: float) -> Sweep:
    """Ends every expired lease; of several schedulers at once, each scan is taken back by one.

    When nobody has swept for `gap_s`, the database was out of reach (or the host asleep), so leases ran out
    with nobody dead: workers then get `grace_s` to renew before any of them is called lost.
    """
    now, grace_until = _note_sweep(session, gap_s=gap_s, grace_s=grace_s)
    is_grace = now < grace_until
    known_dead = Scan.lease_expires_at <= 0
    expired = known_dead if is_grace else or_(known_dead, Scan.lease_expires_at < now)
    lost = session.scalars(
        select(Scan)
        .where(IS_RUNNING, expired)
        .order_by(Scan.id)
        .limit(_SWEEP_LIMIT)
        # A frozen worker may hold the row in a transaction of its own; the next sweep will have it.
        .with_for_update(skip_locked=True, key_share=True)
    ).all()
    ends: Counter[str] = Counter()
    suspects = 0
    for scan in lost:
        after = after_loss(
            losses=scan.losses + 1, runs_alone=scan.runs_alone, is_cancel_requested=scan.is_cancel_requested
        )
        _end_lease(scan, after, now)
        ends[after.state] += 1
        suspects += after.is_suspect
    return Sweep(ends["queued"], suspects, ends["quarantined"], ends["cancelled"], is_grace=is_grace)


def forget_sent(session: Session, *, older_than_s: float) -> int:
    """Marks as unsent what waits although it was sent so long ago; returns how many."""
    forgotten = session.scalars(
        update(Scan)
        .where(IS_QUEUED, Scan.sent_at < db_now() - older_than_s)
        .values(sent_at=None)
        .returning(Scan.id)
        .execution_options(synchronize_session=False)
    )
    return len(forgotten.all())


def take_unsent(session: Session, *, limit: int) -> list[tuple[int, str]]:
    """Marks waiting scans as sent, the interactive ones first, and returns their ids and queues."""
    taken: list[tuple[int, str]] = []
    for queue in ("interactive", "bulk"):
        unsent = (
            select(Scan.id)
            .where(
                IS_QUEUED,
                Scan.sent_at.is_(None),
                Scan.priority == queue,
                or_(Scan.not_before.is_(None), Scan.not_before <= db_now()),
            )
            .order_by(Scan.id)
            .limit(limit - len(taken))
            .with_for_update(skip_locked=True, key_share=True)
        )
        taken += [(scan_id, queue) for scan_id in session.scalars(unsent)]
    if taken:
        ids = [scan_id for scan_id, _ in taken]
        marked = update(Scan).where(Scan.id.in_(ids)).execution_options(synchronize_session=False)
        session.execute(marked.values(sent_at=db_now()))
    return taken


def mark_unsent(session: Session, scan_ids: list[int]) -> None:
    """Takes back that these were sent, when the broker refused them."""
    marked = update(Scan).where(Scan.id.in_(scan_ids), IS_QUEUED).execution_options(synchronize_session=False)
    session.execute(marked.values(sent_at=None))


def count_under_way(session: Session) -> dict[str, int]:
    """How many scans wait and how many run, over all batches."""
    running = session.scalar(select(func.count()).select_from(Scan).where(IS_RUNNING)) or 0
    return {"queued": count_waiting(session) - running, "running": running}


def _note_sweep(session: Session, *, gap_s: float, grace_s: float) -> tuple[float, float]:
    """The present moment, and until when no expired lease is believed."""
    # The row exists before it is locked, so that two first sweeps at once do not both begin.
    first = insert_or(session, SweepRow).values(id=_THE_ROW, swept_at=0.0, grace_until=0.0)
    session.execute(first.on_conflict_do_nothing())
    row = session.scalars(
        select(SweepRow).where(SweepRow.id == _THE_ROW).with_for_update().execution_options(populate_existing=True)
    ).one()
    now = float(session.scalar(select(db_now())) or 0.0)
    # A clock that was set back counts as a gap too.
    if not 0 <= now - row.swept_at <= gap_s:
        row.grace_until = now + grace_s
    row.swept_at = now
    session.flush()
    return now, row.grace_until


def _end_lease(scan: Scan, after: AfterLoss, now: float) -> None:
    scan.evidence = _with_loss(scan)
    scan.losses += 1
    scan.state = after.state
    scan.reason = after.reason
    scan.detail = _describe_loss(scan)
    scan.lease_expires_at = None
    scan.runs_alone = False
    scan.is_cancel_requested = False
    scan.stage = None
    scan.progress = None
    scan.sent_at = None
    scan.finished_at = None if after.state == "queued" else now


def _with_loss(scan: Scan) -> dict[str, Any]:
    evidence = dict(scan.evidence or {})
    loss = {
        "attempt": scan.attempts,
        "worker": scan.worker,
        "stage": scan.stage,
        "progress": scan.progress,
        "alone": scan.runs_alone,
    }
    evidence["losses"] = [*evidence.get("losses", []), loss][-_KEPT_LOSSES:]
    return evidence


def _describe_loss(scan: Scan) -> str:
    company = "while it ran alone" if scan.runs_alone else "while others ran beside it"
    times = "once" if scan.losses == 1 else f"{scan.losses} times"
    stage = scan.stage or "start"
    return f"its worker was lost {times}, the last time {scan.worker} in stage {stage}, {company}"
