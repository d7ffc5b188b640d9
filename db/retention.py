"""Takes away what is older than an operator wants to keep, in small transactions; verdicts and scores stay.

Frames and faces belong to scans, entries to batches. A batch goes entry by entry, its counts with it; scans, videos
and labels stay, so that a video that comes again is not judged again.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, text, tuple_
from sqlalchemy.orm import Session

from db.clock import db_now
from db.session import Database
from db.standings import WAITING
from db.tables.batches import Batch, Entry, Tally, TallyChange
from db.tables.findings import FaceRow, FrameRow
from db.tables.people import UploadRow
from db.tables.scans import Scan
from db.tallies import EVERY_BATCH

# A submission that was broken off so long ago is as complete as it will be.
_GIVEN_UP_S = 2 * 86_400.0
_INCREMENTAL = 2


@dataclass(frozen=True)
class ScanMark:
    """A place in the row of all ended scans, by the time of their end."""

    finished_at: float = 0.0
    scan_id: int = 0


@dataclass(frozen=True)
class ScanStanding:
    """What decides whether a scan's evidence is kept."""

    state: str
    token: int
    finished_s_ago: float | None


def delete_frames(session: Session, *, older_than_s: float, after: ScanMark, limit: int) -> tuple[ScanMark | None, int]:
    """Removes frames and faces of the next few scans that ended so long ago.

    Returns:
        Where to go on, None at the end; and of how many scans frames were removed.
    """
    rows = session.execute(
        select(Scan.finished_at, Scan.id)
        .where(_ended_before(older_than_s), tuple_(Scan.finished_at, Scan.id) > (after.finished_at, after.scan_id))
        .order_by(Scan.finished_at, Scan.id)
        .limit(limit)
    ).all()
    if not rows:
        return None, 0
    scan_ids = [scan_id for _, scan_id in rows]
    session.execute(delete(FaceRow).where(FaceRow.scan_id.in_(scan_ids)))
    gone = session.scalars(delete(FrameRow).where(FrameRow.scan_id.in_(scan_ids)).returning(FrameRow.scan_id))
    finished_at, scan_id = rows[-1]
    return ScanMark(finished_at or 0.0, scan_id), len(set(gone))


def count_scans_with_old_frames(session: Session, *, older_than_s: float) -> int:
    """Of how many scans `delete_frames` would remove frames."""
    has_frames = exists().where(FrameRow.scan_id == Scan.id)
    return session.scalar(select(func.count(Scan.id)).where(_ended_before(older_than_s), has_frames)) or 0


def read_standings(session: Session, scan_ids: Iterable[int]) -> Mapping[int, ScanStanding]:
    """How these scans stand; those that are gone are left out."""
    query = select(Scan.id, Scan.state, Scan.token, db_now() - Scan.finished_at).where(Scan.id.in_(set(scan_ids)))
    return {scan_id: ScanStanding(state, token, ago_s) for scan_id, state, token, ago_s in session.execute(query)}


def find_old_batch(session: Session, *, older_than_s: float) -> int | None:
    """The oldest batch that may go; None where there is none."""
    return session.scalar(select(Batch.id).where(*_is_past(older_than_s)).order_by(Batch.id).limit(1))


def delete_part_of_batch(session: Session, batch_id: int, *, limit: int) -> tuple[int, bool]:
    """Removes some entries of a batch, and at last the batch itself.

    Returns:
        How many entries, and whether the batch is gone.
    """
    # So that nobody adds to it meanwhile.
    if session.scalar(select(Batch.id).where(Batch.id == batch_id).with_for_update()) is None:
        return 0, True
    chosen = select(Entry.id).where(Entry.batch_id == batch_id).order_by(Entry.position).limit(limit)
    gone = len(session.execute(delete(Entry).where(Entry.id.in_(chosen)).returning(Entry.id)).all())
    if gone == limit:
        return gone, False
    session.execute(delete(Batch).where(Batch.id == batch_id))
    return gone, True


def forget_tallies_of_gone_batches(session: Session) -> None:
    """Removes counts that belong to no batch any more."""
    for table in (Tally, TallyChange):
        is_gone = ~exists().where(Batch.id == table.batch_id)
        session.execute(
            delete(table).where(table.batch_id != EVERY_BATCH, is_gone),
            execution_options={"synchronize_session": False},
        )


def count_old_batches(session: Session, *, older_than_s: float) -> tuple[int, int]:
    """How many batches may go, and how many entries they have."""
    past = select(Batch.id).where(*_is_past(older_than_s))
    batches = session.scalar(select(func.count()).select_from(past.subquery())) or 0
    return batches, session.scalar(select(func.count(Entry.id)).where(Entry.batch_id.in_(past))) or 0


def give_back_pages(session: Session, *, limit: int) -> bool:
    """Lets an SQLite file shrink by some of its free pages; False when there are none, or it cannot shrink so."""
    if session.get_bind().dialect.name != "sqlite" or _pragma(session, "auto_vacuum") != _INCREMENTAL:
        return False
    # By the driver's cursor: a page goes with each row without columns that is fetched, and the session fetches none.
    session.connection().connection.cursor().execute(f"PRAGMA incremental_vacuum({int(limit)})").fetchall()
    return _pragma(session, "freelist_count") > 0


def vacuum_database(database: Database) -> tuple[int, int]:
    """Writes an SQLite file anew without its free pages, so that it can shrink by itself from now on.

    Returns:
        Bytes before and after.

    Raises:
        ValueError: it is not SQLite.
    """
    if not database.is_sqlite:
        raise ValueError("PostgreSQL vacuums by itself: see that autovacuum is on")
    connection = database.engine.raw_connection()
    try:
        cursor = connection.cursor()
        before = _size_bytes(cursor)
        cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
        cursor.execute("VACUUM")
        # What was written stands in the log beside the file until then.
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return before, _size_bytes(cursor)
    finally:
        connection.close()


def _ended_before(older_than_s: float) -> ColumnElement[bool]:
    return (Scan.finished_at < db_now() - older_than_s) & (Scan.state == "judged")


def _is_past(older_than_s: float) -> Collection[ColumnElement[bool]]:
    """What must hold of a batch that may go: nothing in it waits, and nobody adds to it or asks for it."""
    return (
        Batch.created_at < db_now() - older_than_s,
        or_(Batch.is_complete, Batch.cancelled_at.is_not(None), Batch.created_at < db_now() - _GIVEN_UP_S),
        ~exists().where(Entry.batch_id == Batch.id, Entry.standing == WAITING),
        ~exists().where(UploadRow.batch_id == Batch.id),
    )


def _pragma(session: Session, name: str) -> int:
    return int(session.scalar(text(f"PRAGMA {name}")) or 0)


def _size_bytes(cursor: Any) -> int:
    pages, size = (cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(pages) * int(size)
