"""A worker's right to a scan: taken, renewed, used once, given back.

Every write names the scan and its fencing token, so that whoever lost the lease can no longer write.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Update, case, literal_column, null, or_, select, true, update
from sqlalchemy.orm import Session

from db.clock import db_now
from db.outcomes import DETAIL_LIMIT, Outcome, scan_columns, write_facts, write_frames
from db.tables import Classifier, Scan, Video
from db.text import storable

SUSPECT_LOSSES = 2
"""Lost so often, a scan runs with no other beside it in its worker."""

MAX_ATTEMPTS = 3

# Written out in the SQL, not bound: only so does SQLite use the indexes that hold these states alone.
IS_QUEUED = Scan.state == literal_column("'queued'")
IS_RUNNING = Scan.state == literal_column("'running'")

Renewal = Literal["held", "cancel", "lost"]


@dataclass(frozen=True)
class Claim:
    """A scan that is now ours, and all that judging it needs.

    Args:
        token: names this lease in every later write.
        path: where the content was when it was submitted; `size_bytes`, `mtime_ns` and `sha256` tell whether
            it still is.
        attempt: number of this start, from 1.
        is_suspect: its worker was lost more than once, and it runs alone now.
    """

    scan_id: int
    token: int
    path: bytes
    size_bytes: int
    mtime_ns: int
    sha256: str
    frames: int
    max_frames: int
    classifier_path: str
    classifier_sha256: str
    attempt: int
    is_suspect: bool


def claim_scan(session: Session, scan_id: int, *, worker: str, lease_s: float, alone: bool) -> Claim | None:
    """Takes a queued scan by one conditional UPDATE; of any number of callers, one gets it.

    Args:
        worker: who asks, at most 200 characters.
        alone: whether nothing else runs in the worker now; only then is a suspect handed out.

    Returns:
        None when it is not to be had: no longer queued, backing off, or a suspect that must run alone.
    """
    claimed = session.execute(
        update(Scan)
        .where(Scan.id == scan_id, IS_QUEUED, _is_due(), _may_run(alone=alone))
        .values(
            state="running",
            attempts=Scan.attempts + 1,
            token=Scan.token + 1,
            worker=storable(worker, limit=200),
            lease_expires_at=db_now() + lease_s,
            started_at=db_now(),
            runs_alone=Scan.losses >= SUSPECT_LOSSES,
            not_before=null(),
            stage=null(),
            progress=0.0,
            finished_at=null(),
        )
        .returning(Scan.id)
    ).first()
    return None if claimed is None else _read_claim(session, scan_id)


def waits_for_solitude(session: Session, scan_id: int) -> bool:
    """Whether a scan that could not be claimed could be by a worker that does nothing else meanwhile."""
    found = session.scalar(
        select(Scan.id).where(Scan.id == scan_id, IS_QUEUED, _is_due(), Scan.losses >= SUSPECT_LOSSES)
    )
    return found is not None


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
    video_id = session.scalar(
        _ours(scan_id, token)
        .values(**scan_columns(outcome), **_lease_ended(), finished_at=db_now())
        .returning(Scan.video_id)
    )
    if video_id is None:
        return False
    write_frames(session, scan_id, outcome)
    if outcome.facts is not None:
        write_facts(session, video_id, outcome.facts)
    return True


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
            **_lease_ended(),
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
            **_lease_ended(),
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


def _lease_ended() -> dict[str, Any]:
    return {
        "lease_expires_at": null(),
        "runs_alone": False,
        "stage": null(),
        "progress": null(),
        "is_cancel_requested": False,
    }


def _is_due() -> ColumnElement[bool]:
    return or_(Scan.not_before.is_(None), Scan.not_before <= db_now())


def _may_run(*, alone: bool) -> ColumnElement[bool]:
    return true() if alone else Scan.losses < SUSPECT_LOSSES


def _read_claim(session: Session, scan_id: int) -> Claim:
    row = session.execute(
        select(
            Scan.token,
            Scan.path,
            Video.size_bytes,
            Scan.mtime_ns,
            Video.sha256,
            Scan.frames,
            Scan.max_frames,
            Classifier.path.label("classifier_path"),
            Classifier.sha256.label("classifier_sha256"),
            Scan.attempts.label("attempt"),
            Scan.runs_alone.label("is_suspect"),
        )
        .join(Video, Video.id == Scan.video_id)
        .join(Classifier, Classifier.id == Scan.classifier_id)
        .where(Scan.id == scan_id)
    ).one()
    return Claim(scan_id=scan_id, **row._mapping)
