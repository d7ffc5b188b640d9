"""Checks, in SQL, that of a drill's videos none was lost, none doubled, none stuck, and that all sums are right."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from db.history import HISTORY
from db.states import STATES, WAITING_STATES
from db.tables.batches import Batch, Entry
from db.tables.contents import Video
from db.tables.findings import FrameRow
from db.tables.scans import Scan
from db.tallies import count_waiting, read_tallies

VERDICT_STATES = ("judged", "no_face")
FINAL_STATES = tuple(state for state in STATES if state not in WAITING_STATES)


@dataclass(frozen=True)
class Findings:
    """What is wrong, each as one line; all empty where every promise was kept.

    Args:
        lost: videos without an entry, without a scan, or that ended in a state which is no verdict.
        doubled: scans that ended twice, or contents that were judged by two scans.
        stuck: scans that wait or run although nothing is to come.
        innocents_quarantined: quarantined videos that kill nobody.
        poison_at_large: videos that kill their worker and are not quarantined.
        fences_broken: tokens that did not rise by one with each claim, or verdicts under another token.
        wrong: verdicts that are those of another content, or not whole.
        sums_wrong: batches whose tallies are not the counts.
    """

    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    innocents_quarantined: tuple[str, ...] = ()
    poison_at_large: tuple[str, ...] = ()
    fences_broken: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    sums_wrong: tuple[str, ...] = ()

    @property
    def are_none(self) -> bool:
        """Whether nothing is wrong."""
        return not any(getattr(self, field.name) for field in fields(self))


class Change(NamedTuple):
    """One row of a scan's history."""

    old_state: str
    new_state: str
    old_token: int
    new_token: int
    old_losses: int
    new_losses: int
    at: float


def find_violations(
    session: Session, *, expected: Collection[bytes], poison: Collection[bytes], scores: Mapping[str, float]
) -> Findings:
    """Looks at every row of a drill's database, in which nothing was ever cancelled or tried again by hand.

    Args:
        expected: the path of every video that was submitted.
        poison: of those, the ones that kill their worker.
        scores: by SHA-256, what a judged content must have scored; contents that are left out may score anything.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for kind, line in _check_everything(session, expected, poison, scores):
        found[kind].append(line)
    return Findings(**{kind: tuple(lines) for kind, lines in found.items()})


def read_history(session: Session) -> dict[int, list[Change]]:
    """What happened to each scan, the earliest first."""
    history: defaultdict[int, list[Change]] = defaultdict(list)
    columns = [HISTORY.c[name] for name in Change._fields]
    for scan_id, *change in session.execute(select(HISTORY.c.scan_id, *columns).order_by(HISTORY.c.id)):
        history[scan_id].append(Change(*change))
    return dict(history)


def _check_everything(
    session: Session, expected: Collection[bytes], poison: Collection[bytes], scores: Mapping[str, float]
) -> Iterator[tuple[str, str]]:
    yield from _check_paths(session, expected, set(poison))
    yield from _check_generations(session)
    history = read_history(session)
    for scan in session.execute(select(Scan.id, Scan.state, Scan.token, Scan.losses)):
        yield from _check_story(scan, history.get(scan.id, []))
    yield from _check_verdicts(session, scores)
    yield from _check_sums(session)


def _check_paths(session: Session, expected: Collection[bytes], poison: Collection[bytes]) -> Iterator[tuple[str, str]]:
    query = (
        select(Entry.path, Scan.state, Scan.reason, Scan.detail)
        .join(Batch, Batch.id == Entry.batch_id)
        .outerjoin(Scan, Scan.id == Entry.scan_id)
        .where(Batch.is_complete)
    )
    ends = {row.path: row for row in session.execute(query)}
    for path in expected:
        shown, end = path.decode(errors="replace"), ends.get(path)
        if end is None or end.state is None:
            yield "lost", f"{shown}: in no complete batch, or without a scan"
        elif end.state in WAITING_STATES:
            yield "stuck", f"{shown}: {end.state}"
            if path in poison:
                yield "poison_at_large", f"{shown}: {end.state}"
        elif path in poison:
            if end.state != "quarantined":
                yield "poison_at_large", f"{shown}: {end.state}"
        elif end.state == "quarantined":
            yield "innocents_quarantined", f"{shown}: {end.detail}"
        elif end.state not in VERDICT_STATES:
            yield "lost", f"{shown}: {end.state} ({end.reason}): {end.detail}"


def _check_generations(session: Session) -> Iterator[tuple[str, str]]:
    query = select(Scan.video_id, func.count()).group_by(Scan.video_id).having(func.count() > 1)
    for video_id, count in session.execute(query):
        yield "doubled", f"video {video_id}: {count} scans"


def _check_story(scan: "Row[int, str, int, int]", story: list[Change]) -> Iterator[tuple[str, str]]:
    """One end, a token that rises by one with each claim and with nothing else, and as many losses as were noted."""
    ends = [change for change in story if change.new_state in FINAL_STATES]
    if len(ends) > 1 or any(change.old_state in FINAL_STATES for change in story):
        yield "doubled", f"scan {scan.id}: {_told(story)}"
    if scan.state in FINAL_STATES and not ends:
        yield "fences_broken", f"scan {scan.id}: {scan.state}, and nobody saw how"
    token = losses = 0
    for change in story:
        is_claim = change.new_state == "running"
        token += is_claim
        losses += change.new_losses - change.old_losses
        if change.new_token != token or change.old_token != token - is_claim:
            yield "fences_broken", f"scan {scan.id}: token {change.old_token} to {change.new_token} at claim {token}"
    if (scan.token, scan.losses) != (token, losses):
        yield "fences_broken", f"scan {scan.id}: token {scan.token} after {token} claims, {scan.losses} losses"


def _told(story: list[Change]) -> str:
    return ", ".join(f"{change.old_state} to {change.new_state}" for change in story)


def _check_verdicts(session: Session, scores: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    frames = select(FrameRow.scan_id, func.count().label("frames")).group_by(FrameRow.scan_id).subquery()
    query = (
        select(Scan.id, Scan.state, Scan.score_mean, Scan.frames_sampled, Video.sha256, frames.c.frames)
        .join(Video, Video.id == Scan.video_id)
        .outerjoin(frames, frames.c.scan_id == Scan.id)
    )
    for scan in session.execute(query):
        if scan.state == "judged" and scan.score_mean != scores.get(scan.sha256, scan.score_mean):
            yield "wrong", f"scan {scan.id}: scored {scan.score_mean}, its content scores {scores[scan.sha256]}"
        if (scan.frames or 0) != (scan.frames_sampled or 0):
            yield "wrong", f"scan {scan.id}: {scan.frames or 0} frames written of {scan.frames_sampled or 0}"


def _check_sums(session: Session) -> Iterator[tuple[str, str]]:
    state = func.coalesce(Scan.state, Entry.state)
    query = (
        select(Entry.batch_id, state, func.count())
        .outerjoin(Scan, Scan.id == Entry.scan_id)
        .group_by(Entry.batch_id, state)
    )
    counted: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for batch_id, name, count in session.execute(query):
        counted[batch_id][name] += count
    for batch_id in session.scalars(select(Batch.id)):
        tallied = read_tallies(session, batch_id).states()
        if tallied != counted[batch_id]:
            yield "sums_wrong", f"batch {batch_id}: tallied {tallied}, counted {dict(counted[batch_id])}"
    waiting = session.scalar(select(func.count()).where(Scan.state.in_(WAITING_STATES)))
    if count_waiting(session) != waiting:
        yield "sums_wrong", f"{count_waiting(session)} tallied as waiting, {waiting} wait"
