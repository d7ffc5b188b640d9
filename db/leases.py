"""A worker's right to a scan: taken, renewed, used once, given back.

Every write names the scan and its fencing token, so that whoever lost the lease can no longer write.
"""

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import Update, case, null, or_, select, update
from sqlalchemy.orm import Session

from db.claiming import IS_QUEUED, IS_RUNNING, SUSPECT_LOSSES, Claim, claim_scan, waits_for_solitude
from db.clock import db_now
from db.outcomes import DETAIL_LIMIT, Outcome
from db.saving import LEASE_ENDED, save_at_once, save_in_steps
from db.tables.scans import Scan
from db.text import storable

__all__ = [
    "IS_QUEUED",
    "IS_RUNNING",
    "MAX_ATTEMPTS",
    "SUSPECT_LOSSES",
    "Claim",
    "Renewal",
    "claim_scan",
    "hand_back_scan",
    "note_evidence",
    "note_loss",
    "release_scan",
    "renew_lease",
    "save_at_once",
    "save_outcome",
    "waits_for_solitude",
]

MAX_ATTEMPTS = 3

Renewal = Literal["held", "cancel", "lost"]


def renew_lease(
    session: Session, scan_id: int, token: int, *, lease_s: float, stage: str | None, progress: float | None
) -> Renewal:
    """Prolongs a lease and reports where the scan stands; even an expired one, if nobody took it away.

    Returns:
        "held"; "cancel" when the operator wants it stopped; "lost" when it is no longer ours.
    """
    is_cancel_requested = session.scalar(
        _ours(scan_id, token)
        .values(lease_expires_at=db_now() + lease_s, stage=stage, progress=progress)
        .returning(Scan.is_cancel_requested)
    )
    if is_cancel_requested is None:
        return "lost"
    return "cancel" if is_cancel_requested else "held"


def save_outcome(session: Session, scan_id: int, token: int, outcome: Outcome) -> bool:
    """Ends a scan and writes all that was found, in the session's one transaction.

    Returns:
        False when fenced off: the lease is not ours any more, and nothing was written.
    """
    return save_at_once(session, scan_id, token, outcome) or save_in_steps(session, scan_id, token, outcome)


def release_scan(
    session: Session,
    scan_id: int,
    token: int,
    *,
    reason: str,
    detail: str,
    delay_s: float = 0.0,
    max_attempts: int = MAX_ATTEMPTS,
) -> str | None:
    """Gives a scan back after an error that may pass: queued again, or failed after the last attempt.

    Args:
        delay_s: how long nobody shall claim it.
        max_attempts: attempts that ended so; those that lost their worker are counted apart.

    Returns:
        The scan's state now ("queued", "failed", "cancelled"), None when the lease is not ours any more.
    """
    is_last = Scan.attempts - Scan.losses >= max_attempts
    state = case((Scan.is_cancel_requested, "cancelled"), (is_last, "failed"), else_="queued")
    return session.scalar(
        _ours(scan_id, token)
        .values(
            **LEASE_ENDED,
            state=state,
            reason=reason,
            detail=storable(detail, limit=DETAIL_LIMIT),
            not_before=db_now() + delay_s,
            sent_at=null(),
            finished_at=case((or_(Scan.is_cancel_requested, is_last), db_now()), else_=null()),
        )
        .returning(Scan.state)
    )


def hand_back_scan(session: Session, scan_id: int, token: int) -> bool:
    """Puts a scan back as if it had never been claimed, when its worker is told to stop."""
    given_back = session.scalar(
        _ours(scan_id, token)
        .values(
            **LEASE_ENDED,
            state=case((Scan.is_cancel_requested, "cancelled"), else_="queued"),
            finished_at=case((Scan.is_cancel_requested, db_now()), else_=null()),
            attempts=Scan.attempts - 1,
            sent_at=null(),
        )
        .returning(Scan.id)
    )
    return given_back is not None


def note_evidence(session: Session, scan_id: int, token: int, evidence: Mapping[str, Any]) -> bool:
    """Adds to what is known of a worker's death while the scan was its; later facts replace earlier ones."""
    row = session.execute(
        select(Scan.evidence).where(Scan.id == scan_id, Scan.token == token).with_for_update(key_share=True)
    ).first()
    if row is None:
        return False
    session.execute(update(Scan).where(Scan.id == scan_id).values(evidence={**(row.evidence or {}), **evidence}))
    return True


def note_loss(session: Session, scan_id: int, token: int, evidence: Mapping[str, Any]) -> bool:
    """Ends the lease of a scan whose process is known to be dead, so that the next sweep takes it back."""
    is_noted = note_evidence(session, scan_id, token, evidence)
    # Zero, not the present: a sweep believes it even while it gives other workers time to renew.
    session.execute(_ours(scan_id, token).values(lease_expires_at=0.0))
    return is_noted


def _ours(scan_id: int, token: int) -> Update:
    return update(Scan).where(Scan.id == scan_id, Scan.token == token, IS_RUNNING)
