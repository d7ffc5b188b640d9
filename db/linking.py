"""Gives each submitted content its scan: an earlier one where there is one, else a new one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.bulk import insert_rows
from db.clock import db_now
from db.leases import IS_QUEUED, IS_RUNNING
from db.states import WAITING_STATES
from db.tables.scans import Scan

# The place was at fault, not the content: once it is readable somewhere, it is judged.
_REASONS_OF_PLACE = ("missing", "vanished", "permission_denied", "read_error")


@dataclass(frozen=True)
class ScanWish:
    """By what a batch wants its contents judged; all but the priority decides which scans are the same."""

    classifier_id: int
    frames: int
    max_frames: int
    priority: str

    @property
    def options_key(self) -> str:
        """The sampling options as one string."""
        return f"frames={self.frames} max_frames={self.max_frames}"


@dataclass(frozen=True)
class Place:
    """Where a content was found: its path, and the file's mtime when it was read."""

    path: bytes
    mtime_ns: int


@dataclass(frozen=True)
class Link:
    """The scan that a content got: made for this submission, or an earlier one as it stood when it was linked."""

    scan_id: int
    is_new: bool
    reused: Scan | None = None


def needs_new_scan(state: str, reason: str | None, *, forced: bool) -> bool:
    """Whether a content is scanned again although it has a scan by the same classifier and options."""
    if state == "unreadable" and reason in _REASONS_OF_PLACE:
        return True
    return forced and state not in WAITING_STATES


def link_scans(
    session: Session, places: Mapping[int, Place], wish: ScanWish, *, forced: Collection[int]
) -> dict[int, Link]:
    """The scan of each video (by id); where two submitters want the same one, only one of them makes it.

    Args:
        places: where each video was found.
        forced: those to scan again although they were judged.
    """
    latest = _latest_scans(session, places, wish)
    generations = {
        video_id: 1 if (scan := latest.get(video_id)) is None else scan.generation + 1
        for video_id in sorted(places)
        if (scan := latest.get(video_id)) is None or needs_new_scan(scan.state, scan.reason, forced=video_id in forced)
    }
    created = _create_scans(session, places, wish, generations)
    links = {video_id: Link(scan_id, is_new=True) for video_id, scan_id in created.items()}
    beaten = {video_id: places[video_id] for video_id in generations.keys() - created.keys()}
    reused = {video_id: scan for video_id, scan in latest.items() if video_id not in generations}
    reused |= _latest_scans(session, beaten, wish)
    _want_again(session, reused, places, wish)
    return links | {video_id: Link(scan.id, is_new=False, reused=scan) for video_id, scan in reused.items()}


def _latest_scans(session: Session, places: Mapping[int, Place], wish: ScanWish) -> dict[int, Scan]:
    """The newest generation of each video's scan, locked so that nobody cancels it before it is linked."""
    if not places:
        return {}
    rows = session.scalars(
        select(Scan)
        .where(
            Scan.video_id.in_(places),
            Scan.classifier_id == wish.classifier_id,
            Scan.options_key == wish.options_key,
        )
        .order_by(Scan.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    # Generations rise with ids, so the last one stays.
    return {scan.video_id: scan for scan in rows}


def _create_scans(
    session: Session, places: Mapping[int, Place], wish: ScanWish, generations: Mapping[int, int]
) -> dict[int, int]:
    """The ids of the scans made, by video; those that another submitter made first are left out."""
    if not generations:
        return {}
    queued_at = session.scalar(select(db_now()))
    rows = [
        {
            "video_id": video_id,
            "classifier_id": wish.classifier_id,
            "options_key": wish.options_key,
            "generation": generation,
            "frames": wish.frames,
            "max_frames": wish.max_frames,
            "path": places[video_id].path,
            "mtime_ns": places[video_id].mtime_ns,
            "priority": wish.priority,
            "state": "queued",
            "queued_at": queued_at,
        }
        for video_id, generation in generations.items()
    ]
    made = insert_rows(
        session,
        Scan,
        rows,
        shape=lambda insert: insert.on_conflict_do_nothing(),
        returning=("video_id", "id"),
    )
    return dict(made)


def _want_again(session: Session, reused: Mapping[int, Scan], places: Mapping[int, Place], wish: ScanWish) -> None:
    """Lets scans that are not done yet serve this submission too: its place, its haste, no cancelling."""
    waiting = {video_id: scan for video_id, scan in reused.items() if scan.state in WAITING_STATES}
    if not waiting:
        return
    ids = [scan.id for scan in waiting.values()]
    silent = update(Scan).execution_options(synchronize_session=False)
    session.execute(silent.where(Scan.id.in_(ids), IS_RUNNING).values(is_cancel_requested=False))
    if wish.priority == "interactive":
        # Unsent, it is sent once more, to the faster queue; the other message will find nothing to do.
        hurry = silent.where(Scan.id.in_(ids), IS_QUEUED, Scan.priority != "interactive")
        session.execute(hurry.values(priority="interactive", sent_at=None))
    for video_id, scan in waiting.items():
        place = places[video_id]
        if scan.state == "queued" and (scan.path, scan.mtime_ns) != (place.path, place.mtime_ns):
            moved = silent.where(Scan.id == scan.id, IS_QUEUED)
            session.execute(moved.values(path=place.path, mtime_ns=place.mtime_ns))
