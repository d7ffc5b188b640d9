"""The submissions: made, completed, found again by number or name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.clock import db_now
from db.tables.batches import Batch
from db.tables.classifiers import Classifier
from db.text import storable
from db.verdicts import Thresholds, kept_thresholds, known_thresholds

# Nothing with more digits is an id, on either database.
_ID_DIGITS = 18


@dataclass(frozen=True)
class BatchRecord:
    """A batch as the database knows it; times are seconds since the epoch."""

    id: int
    name: str
    created_at: float
    classifier_id: int
    options: dict[str, Any]
    priority: str
    ignored: int
    is_complete: bool
    cancelled_at: float | None
    aggregate: str
    thresholds: Thresholds | None


def create_batch(session: Session, *, name: str, classifier_id: int, options: Mapping[str, Any], priority: str) -> int:
    """Begins a batch; it has no entries yet. Returns its id."""
    aggregate = options.get("aggregate", "mean")
    manifest = session.scalar(select(Classifier.manifest).where(Classifier.id == classifier_id))
    thresholds = known_thresholds(manifest or {}, aggregate)
    batch = Batch(
        name=storable(name, limit=200),
        created_at=session.scalar(select(db_now())),
        classifier_id=classifier_id,
        options=dict(options),
        priority=priority,
        aggregate=aggregate,
        real_below=None if thresholds is None else thresholds.real_below,
        fake_from=None if thresholds is None else thresholds.fake_from,
    )
    session.add(batch)
    session.flush()
    return batch.id


def complete_batch(session: Session, batch_id: int, *, ignored: int) -> None:
    """Says that every entry has been written, and how many files were passed over."""
    session.execute(update(Batch).where(Batch.id == batch_id).values(is_complete=True, ignored=ignored))


def read_batch(session: Session, batch_id: int) -> BatchRecord | None:
    """The batch with this id."""
    return _as_record(session.get(Batch, batch_id, populate_existing=True))


def find_batch(session: Session, wanted: str | None) -> BatchRecord | None:
    """The batch that a person means: by id, else the latest of that name; the latest of all for None."""
    latest = select(Batch).order_by(Batch.id.desc()).limit(1)
    if wanted is None:
        return _as_record(session.scalar(latest))
    if wanted.isdecimal() and len(wanted) <= _ID_DIGITS:
        by_id = _as_record(session.get(Batch, int(wanted)))
        if by_id is not None:
            return by_id
    return _as_record(session.scalar(latest.where(Batch.name == storable(wanted, limit=200))))


def list_batches(session: Session, *, limit: int = 20) -> list[BatchRecord]:
    """The latest batches, the newest first."""
    rows = session.scalars(select(Batch).order_by(Batch.id.desc()).limit(limit))
    return [record for row in rows if (record := _as_record(row)) is not None]


def _as_record(row: Batch | None) -> BatchRecord | None:
    if row is None:
        return None
    return BatchRecord(
        id=row.id,
        name=row.name,
        created_at=row.created_at,
        classifier_id=row.classifier_id,
        options=row.options,
        priority=row.priority,
        ignored=row.ignored,
        is_complete=row.is_complete,
        cancelled_at=row.cancelled_at,
        aggregate=row.aggregate,
        thresholds=kept_thresholds(row.real_below, row.fake_from),
    )
