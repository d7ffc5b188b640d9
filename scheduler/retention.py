"""Keeps frames, evidence and batches for as long as an operator said, and no longer; a little at a time."""

import itertools
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from db.retention import (
    ScanMark,
    ScanStanding,
    count_old_batches,
    count_scans_with_old_frames,
    delete_frames,
    delete_part_of_batch,
    find_old_batch,
    forget_tallies_of_gone_batches,
    give_back_pages,
    read_standings,
)
from db.session import Database
from worker.evidence import EvidenceFile, list_evidence

_log = logging.getLogger(__name__)

_DAY_S = 86_400.0
# Rows of one transaction: a few hundredths of a second, in which nobody else writes to SQLite.
_AT_ONCE = 200
_PAGES_AT_ONCE = 1000
# Between two of them, so that who waits for the database gets it.
_REST_S = 0.05
# A worker writes the faces first and the verdict after: what is younger may belong to a verdict that comes yet.
_ORPHAN_AFTER_S = _DAY_S

Pause = Callable[[float], bool]
"""Waits so many seconds and says whether to stop."""


@dataclass(frozen=True)
class Keep:
    """For how many days what is kept; None for ever."""

    frames_days: float | None = None
    evidence_days: float | None = None
    batches_days: float | None = None


@dataclass
class Pruned:
    """What went, or would go.

    Args:
        frames_of: scans that lost their frames and faces.
        evidence_files: of the store, those included whose scan is gone or was judged anew.
        batches: with `entries` in them.
    """

    frames_of: int = 0
    evidence_files: int = 0
    evidence_bytes: int = 0
    batches: int = 0
    entries: int = 0


def prune(database: Database, keep: Keep, evidence: Path | None, *, pause: Pause = lambda _: False) -> Pruned:
    """Takes away what is too old, in chunks between which `pause` may stop it.

    Args:
        evidence: the directory of the store, None where none is kept.

    Raises:
        DatabaseError: what went is gone, the rest goes the next time.
    """
    done = Pruned()
    steps = itertools.chain(
        _prune_frames(database, keep, done),
        _prune_evidence(database, keep, evidence, done, is_dry=False),
        _prune_batches(database, keep, done),
        _give_back_space(database),
    )
    for _ in steps:
        if pause(_REST_S):
            break
    return done


def plan_pruning(database: Database, keep: Keep, evidence: Path | None) -> Pruned:
    """What `prune` would take away now."""
    planned = Pruned()
    with database.read() as session:
        if keep.frames_days is not None:
            planned.frames_of = count_scans_with_old_frames(session, older_than_s=keep.frames_days * _DAY_S)
        if keep.batches_days is not None:
            older_than_s = keep.batches_days * _DAY_S
            planned.batches, planned.entries = count_old_batches(session, older_than_s=older_than_s)
    for _ in _prune_evidence(database, keep, evidence, planned, is_dry=True):
        pass
    return planned


def _prune_frames(database: Database, keep: Keep, done: Pruned) -> Iterator[None]:
    mark: ScanMark | None = ScanMark() if keep.frames_days is not None else None
    while mark is not None and keep.frames_days is not None:
        with database.begin() as session:
            older_than_s = keep.frames_days * _DAY_S
            mark, count = delete_frames(session, older_than_s=older_than_s, after=mark, limit=_AT_ONCE)
        done.frames_of += count
        yield


def _prune_evidence(
    database: Database, keep: Keep, evidence: Path | None, done: Pruned, *, is_dry: bool
) -> Iterator[None]:
    files = list_evidence(evidence) if evidence is not None else iter(())
    while group := list(itertools.islice(files, _AT_ONCE)):
        with database.read() as session:
            standings = read_standings(session, (file.scan_id for file in group))
        for file in group:
            if _may_go(file, standings.get(file.scan_id), keep):
                _remove(file, done, is_dry=is_dry)
        yield


def _may_go(file: EvidenceFile, scan: ScanStanding | None, keep: Keep) -> bool:
    is_of_verdict = scan is not None and scan.state == "judged" and scan.token == file.token
    if scan is not None and is_of_verdict:
        age_s = scan.finished_s_ago or 0.0
        return keep.evidence_days is not None and age_s > keep.evidence_days * _DAY_S
    try:
        return time.time() - file.path.stat().st_mtime > _ORPHAN_AFTER_S
    except OSError:
        return False


def _remove(file: EvidenceFile, done: Pruned, *, is_dry: bool) -> None:
    try:
        size_bytes = file.path.stat().st_size
        if not is_dry:
            file.path.unlink()
    except OSError as error:
        _log.warning("evidence %s was not removed: %s", file.path, error.strerror)
        return
    done.evidence_files += 1
    done.evidence_bytes += size_bytes


def _prune_batches(database: Database, keep: Keep, done: Pruned) -> Iterator[None]:
    if keep.batches_days is None:
        return
    while True:
        with database.begin() as session:
            batch_id = find_old_batch(session, older_than_s=keep.batches_days * _DAY_S)
        if batch_id is None:
            break
        is_gone = False
        while not is_gone:
            with database.begin() as session:
                entries, is_gone = delete_part_of_batch(session, batch_id, limit=_AT_ONCE)
            done.entries += entries
            yield
        done.batches += 1
    with database.begin() as session:
        forget_tallies_of_gone_batches(session)
    yield


def _give_back_space(database: Database) -> Iterator[None]:
    has_more = True
    while has_more:
        with database.begin() as session:
            has_more = give_back_pages(session, limit=_PAGES_AT_ONCE)
        yield
