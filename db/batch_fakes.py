"""The entries of a batch that were called fake last."""

from dataclasses import dataclass

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from db.of_late import finished_of_late
from db.outcomes import SCORE_COLUMNS
from db.tables.batches import Batch, Entry
from db.tables.scans import Scan

# Whoever has no fake among so many has none of late, and asking costs the same in a large archive.
_LOOKED_AT = 1000


@dataclass(frozen=True)
class BatchFake:
    """A video that stands as fake in its batch, under one of its names; `score` by the batch's aggregation, 0..1."""

    scan_id: int
    path: bytes
    score: float


def latest_batch_fakes(session: Session, batch_id: int, *, limit: int) -> list[BatchFake]:
    """The fakes of a batch that were finished last, the latest first, each once, among all that ended of late."""
    aggregate = session.scalar(select(Batch.aggregate).where(Batch.id == batch_id))
    if aggregate is None:
        return []
    of_late = finished_of_late(_LOOKED_AT)
    # Of a content under any number of names, the first one that was submitted.
    firsts = (
        select(Entry.scan_id, func.min(Entry.position).label("position"))
        .join(of_late, of_late.c.id == Entry.scan_id)
        # The sum keeps SQLite from walking all fakes of the batch.
        .where(Entry.batch_id + 0 == batch_id, Entry.standing == "fake")
        .group_by(Entry.scan_id)
        .subquery()
    )
    rows = session.execute(
        select(Scan.id, Entry.path, SCORE_COLUMNS[aggregate])
        .join(firsts, firsts.c.scan_id == Scan.id)
        .join(Entry, and_(Entry.batch_id == batch_id, Entry.position == firsts.c.position))
        .order_by(Scan.finished_at.desc(), Scan.id.desc())
        .limit(limit)
    )
    return [BatchFake(scan_id, path, score or 0.0) for scan_id, path, score in rows]
