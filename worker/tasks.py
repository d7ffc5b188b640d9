"""The one task: a scan's id in, claim, one call of the pipeline, save. Safe to run twice, or at once.

Celery never retries: what is not saved here is put back by the scheduler, from SQL.
"""

import logging
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from celery import Celery

from db.ends import has_ended_as
from db.errors import DatabaseError
from db.leases import (
    Claim,
    claim_scan,
    hand_back_scan,
    note_evidence,
    release_scan,
    save_at_once,
    save_outcome,
    waits_for_solitude,
)
from db.outcomes import Outcome
from worker import isolation, recording
from worker.app import TASK_NAME
from worker.evidence import delete_evidence, evidence_path, save_evidence
from worker.heartbeat import Heartbeat
from worker.last_words import LastWords, said_about_this_video
from worker.logs import set_current_scan
from worker.messages import LARGEST_ID
from worker.pipeline.errors import (
    BundleError,
    Reason,
    ScanStoppedError,
    TransientError,
    UnreadableVideoError,
)
from worker.pipeline.inference import is_out_of_memory
from worker.pipeline.open_files import is_out_of_files, out_of_files_error
from worker.pipeline.results import ScanResult
from worker.settings import Settings
from worker.storage import Storage

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Judge = Callable[[Claim, Heartbeat], ScanResult]
"""Judges a claimed video: reports progress to the heartbeat, and stops when it says so."""

_log = logging.getLogger(__name__)

_LOST = "not saved: the lease was lost, so the scan is another worker's now"

FIRST_DELAY_S = 5.0
LONGEST_DELAY_S = 300.0
HAND_BACK = "hand-back"
"""The file in the worker's directory that asks for running scans to be given back."""


@dataclass(frozen=True)
class Bench:
    """What every scan of a worker needs.

    Args:
        name: the worker's, as it stands in the database.
        directory: the worker's private one.
    """

    settings: Settings
    name: str
    directory: Path
    storage: Storage
    judge: Judge

    def should_hand_back(self) -> bool:
        """Whether the worker stops and its time of grace is over."""
        return (self.directory / HAND_BACK).exists()


@dataclass(frozen=True)
class Release:
    """The scan goes back: an error that may pass."""

    reason: str
    detail: str


def register_scan_task(app: Celery, bench: Bench) -> None:
    """Adds the task to a worker's app."""

    @app.task(name=TASK_NAME, ignore_result=True)  # type: ignore[untyped-decorator]
    def scan_video(*args: object, **unwanted: object) -> None:
        scan_id = args[0] if len(args) == 1 and not unwanted else None
        # Whoever can write to the broker can send anything; bool is an int, and no id.
        if type(scan_id) is not int or not 0 < scan_id <= LARGEST_ID:
            _log.warning("dropped a message that names no scan")
            return
        set_current_scan(scan_id)
        try:
            run_scan(scan_id, bench)
        finally:
            set_current_scan(None)


def run_scan(scan_id: int, bench: Bench) -> None:
    """Judges a scan if it is to be had, alone in this worker if it must be."""
    with isolation.beside_others(bench.directory, should_stop=bench.should_hand_back) as is_in:
        claim = _claim(scan_id, bench, alone=False) if is_in else None
        if claim is not None:
            _judge_and_save(claim, bench)
            return
    if not is_in or not _must_run_alone(scan_id, bench):
        return
    with isolation.alone(bench.directory, should_stop=bench.should_hand_back) as is_in:
        claim = _claim(scan_id, bench, alone=True) if is_in else None
        if claim is not None:
            _judge_and_save(claim, bench)


def _claim(scan_id: int, bench: Bench, *, alone: bool) -> Claim | None:
    return bench.storage.insist(
        lambda session: claim_scan(session, scan_id, worker=bench.name, lease_s=bench.settings.lease_s, alone=alone),
        should_stop=bench.should_hand_back,
        is_single=True,
    )


def _must_run_alone(scan_id: int, bench: Bench) -> bool:
    return bool(
        bench.storage.insist(lambda session: waits_for_solitude(session, scan_id), should_stop=bench.should_hand_back)
    )


def _judge_and_save(claim: Claim, bench: Bench) -> None:
    set_current_scan(claim.scan_id, claim.batch_id)
    _log.info("judging, attempt %d%s", claim.attempt, ", alone" if claim.is_suspect else "")
    heartbeat = Heartbeat(
        claim,
        bench.storage,
        bench.settings,
        LastWords(bench.directory),
        should_hand_back=bench.should_hand_back,
    )
    with ExitStack() as until_saved:
        try:
            until_saved.enter_context(heartbeat)
        except RuntimeError as error:
            _save(claim, bench, Release(Reason.INTERNAL_ERROR, f"no signs of life: {error}"))
            return
        end = _judge(claim, bench, heartbeat)
        heartbeat.judged()
        _keep_what_was_said(claim, bench, end)
        try:
            _save(claim, bench, end)
        except DatabaseError:
            # Refused for good, so the next attempt fares no better: say so, and let it count as an attempt.
            _log.exception("the outcome was refused")
            _save(claim, bench, Release(Reason.INTERNAL_ERROR, "the database refused the outcome"))


def _judge(claim: Claim, bench: Bench, heartbeat: Heartbeat) -> "Outcome | Release | None":
    """The end of a scan; None where it is given back as if never begun."""
    try:
        result = bench.judge(claim, heartbeat)
        _keep_faces(claim, bench, result)
        return recording.outcome_of(result)
    except UnreadableVideoError as error:
        return recording.unreadable(error)
    except ScanStoppedError:
        return recording.cancelled() if heartbeat.stop_reason == "cancel" else None
    except (TransientError, BundleError, MemoryError) as error:
        return _release_after(error)
    except Exception as error:  # noqa: BLE001 - a defect in the judging of one video must not stop the others
        fault = _of_the_machine(error)
        if fault is not None:
            return _release_after(fault)
        _log.exception("the judging failed")
        return Release(Reason.INTERNAL_ERROR, f"{type(error).__name__}: {error}")


def _of_the_machine(error: Exception) -> TransientError | MemoryError | None:
    """What the machine lacks, where a library said so in its own way; None for a defect."""
    if is_out_of_files(error):
        return out_of_files_error()
    return MemoryError() if is_out_of_memory(error) else None


def _keep_faces(claim: Claim, bench: Bench, result: ScanResult) -> None:
    """Before the verdict, so that whoever sees one finds its faces; what an earlier attempt left goes."""
    directory = bench.settings.evidence_directory
    is_kept = directory is not None and save_evidence(directory, claim.scan_id, claim.token, result.kept)
    if directory is not None and is_kept and claim.token > 1:
        delete_evidence(directory, claim.scan_id, but_token=claim.token)


def _forget_faces(claim: Claim, bench: Bench) -> None:
    """The faces of a verdict that was not saved; another worker's own lie beside them."""
    directory = bench.settings.evidence_directory
    if directory is not None:
        with suppress(OSError):
            evidence_path(directory, claim.scan_id, claim.token).unlink(missing_ok=True)


def _keep_what_was_said(claim: Claim, bench: Bench, end: "Outcome | Release | None") -> None:
    """Ffmpeg's last words become evidence where the video was not judged; nobody waits for that."""
    is_trouble = isinstance(end, Release) or (end is not None and end.state == "unreadable")
    words = said_about_this_video() if is_trouble else ""
    if words:
        try:
            bench.storage.attempt(lambda session: note_evidence(session, claim.scan_id, claim.token, {"stderr": words}))
        except DatabaseError as error:
            _log.warning("no evidence could be left: %s", error)


def _release_after(error: TransientError | BundleError | MemoryError) -> Release:
    match error:
        case TransientError():
            return Release(error.reason, error.detail)
        case BundleError():
            return Release(Reason.CLASSIFIER_UNAVAILABLE, str(error))
        case _:
            return Release(Reason.MEMORY_LIMIT, "the worker ran out of memory")


def _save(claim: Claim, bench: Bench, end: "Outcome | Release | None") -> None:
    """Writes the end of a scan, however long the database is away; a worker that stops is killed in the end."""
    if isinstance(end, Outcome) and _save_at_once(claim, bench, end):
        _log.info("%s", _describe(end))
        return

    def write(session: "Session") -> str:
        if end is None:
            is_ours = hand_back_scan(session, claim.scan_id, claim.token)
            return "handed back" if is_ours else _LOST
        if isinstance(end, Outcome):
            is_ours = save_outcome(session, claim.scan_id, claim.token, end)
            # It may have been saved before, and only the answer been lost together with the connection.
            is_saved = is_ours or has_ended_as(session, claim.scan_id, claim.token, end.state)
            return _describe(end) if is_saved else _LOST
        state = release_scan(
            session,
            claim.scan_id,
            claim.token,
            reason=end.reason,
            detail=end.detail,
            delay_s=min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(claim.attempt - 1, 10)),
            max_attempts=bench.settings.max_attempts,
        )
        return _LOST if state is None else f"{state} ({end.reason}): {end.detail}"

    told = bench.storage.insist(write, should_stop=lambda: False)
    if told == _LOST:
        _forget_faces(claim, bench)
    _log.info("%s", told)


def _save_at_once(claim: Claim, bench: Bench, outcome: Outcome) -> bool:
    """Whether one statement was enough, as it nearly always is on PostgreSQL."""
    if bench.storage.is_sqlite:
        return False
    is_saved = bench.storage.insist(
        lambda session: save_at_once(session, claim.scan_id, claim.token, outcome),
        should_stop=lambda: False,
        is_single=True,
    )
    return bool(is_saved)


def _describe(outcome: Outcome) -> str:
    if outcome.reason is not None:
        return f"{outcome.state} ({outcome.reason}): {outcome.detail}"
    return f"{outcome.state}, {len(outcome.frames)} frames in {outcome.seconds.get('total', 0.0):.1f} s"
