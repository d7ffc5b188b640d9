"""Takes what was found in watched folders: each file once, however many watch, into the folder's batch of the day.

Whoever takes holds the folder's row, so what it finds unknown nobody else takes meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db.batches import create_batch
from db.clock import db_now
from db.dialects import insert_or
from db.entries import ContentEntry, write_entries
from db.known_files import path_key, read_known_contents
from db.linking import ScanWish
from db.tables.batches import Batch, Entry
from db.tables.crew import WatchedFolder

_DAY_S = 86_400


@dataclass(frozen=True)
class FolderWish:
    """By what a folder's files are to be judged.

    Args:
        options: of the batch: preset, frames, max_frames, aggregate.
    """

    classifier_id: int
    options: Mapping[str, Any]
    priority: str


@dataclass(frozen=True)
class Taken:
    """What a group of found files came to: those that were known already are no entries."""

    batch_id: int | None = None
    entries: int = 0
    new_scans: int = 0


def take_found(session: Session, folder: bytes, name: str, found: Sequence[ContentEntry], wish: FolderWish) -> Taken:
    """Enters those files of a folder that nobody entered before, in the session's transaction.

    Args:
        name: what the folder's batches are called, before the day.
        found: in the order in which they are entered; their positions do not matter.
    """
    row = _hold(session, folder)
    known = read_known_contents(session, [item.stamp for item in found])
    new = [item for item in found if item.stamp.path not in known]
    if not new:
        return Taken()
    batch_id = _batch_of_today(session, row, name, wish)
    last = session.scalar(select(func.max(Entry.position)).where(Entry.batch_id == batch_id))
    first = 0 if last is None else last + 1
    chunk = [replace(item, position=first + number, is_known=False) for number, item in enumerate(new)]
    frames, max_frames = int(wish.options["frames"]), int(wish.options["max_frames"])
    scans = ScanWish(wish.classifier_id, frames, max_frames, wish.priority)
    written = write_entries(session, batch_id, scans, chunk)
    return Taken(batch_id, written.entries, written.new_scans)


def close_past_days(session: Session) -> int:
    """Completes the batches of days that are over; returns how many."""
    past = select(WatchedFolder.batch_id).where(WatchedFolder.day < _today(session))
    closed = update(Batch).where(Batch.id.in_(past), Batch.is_complete.is_(False)).values(is_complete=True)
    return len(session.execute(closed.returning(Batch.id)).all())


def _hold(session: Session, folder: bytes) -> WatchedFolder:
    """The folder's row, which nobody else gets before the transaction ends."""
    made = insert_or(session, WatchedFolder).values(path_sha256=path_key(folder), path=folder)
    session.execute(made.on_conflict_do_nothing())
    row = select(WatchedFolder).where(WatchedFolder.path_sha256 == path_key(folder)).with_for_update()
    return session.scalars(row.execution_options(populate_existing=True)).one()


def _batch_of_today(session: Session, row: WatchedFolder, name: str, wish: FolderWish) -> int:
    """The folder's open batch; a new one on a new day, for another classifier or options, or after a cancellation."""
    today = _today(session)
    batch = None if row.batch_id is None else session.get(Batch, row.batch_id, populate_existing=True)
    if batch is not None and row.day == today and _is_open_for(batch, wish):
        return batch.id
    if batch is not None:
        batch.is_complete = True
    date = datetime.fromtimestamp(today * _DAY_S, UTC).date().isoformat()
    batch_id = create_batch(
        session,
        name=f"{name} {date}",
        classifier_id=wish.classifier_id,
        options=wish.options,
        priority=wish.priority,
    )
    row.batch_id, row.day = batch_id, today
    session.flush()
    return batch_id


def _is_open_for(batch: Batch, wish: FolderWish) -> bool:
    asked = (wish.classifier_id, dict(wish.options), wish.priority)
    is_same = (batch.classifier_id, batch.options, batch.priority) == asked
    return is_same and batch.cancelled_at is None and not batch.is_complete


def _today(session: Session) -> int:
    """Days since the Unix epoch, by the database's clock."""
    return int(session.scalar(select(db_now())) or 0.0) // _DAY_S
