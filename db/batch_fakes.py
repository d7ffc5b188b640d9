"""The entries of a batch that were called fake last."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.of_late import finished_of_late
from db.outcomes import SCORE_COLUMNS
from db.tables import Batch, Entry, Scan

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
    rows = session.execute(
        select(Scan.id, Entry.path, SCORE_COLUMNS[aggregate])
        .join(of_late, of_late.c.id == Scan.id)
        .join(Entry, Entry.scan_id == Scan.id)
        .where(Entry.batch_id == batch_id, Entry.standing == "fake")
        .order_by(Scan.finished_at.desc(), Scan.id.desc(), Entry.position)
        .limit(4 * limit)
    )
    found: dict[int, BatchFake] = {}
    for scan_id, path, score in rows:
        found.setdefault(scan_id, BatchFake(scan_id, path, score or 0.0))
    return list(found.values())[:limit]
