"""Lists the batches with their counts, page by page, in as many queries for fifty as for one."""

from collections import Counter, defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import Session

from db.claiming import IS_RUNNING
from db.dialects import among
from db.headers import iso_time
from db.states import STATES
from db.tables.batches import Batch, Entry
from db.tables.scans import Scan
from db.tallies import BatchTallies
from db.tally_sums import sum_tallies
from db.verdicts import VERDICTS


def list_counted_batches(session: Session, *, before: int | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """The latest batches with an id below `before`, the newest first, each with its counts."""
    query = select(Batch).order_by(Batch.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Batch.id < before)
    batches = session.scalars(query).all()
    tallies = read_many_tallies(session, [batch.id for batch in batches])
    return [describe_batch(batch, tallies[batch.id]) for batch in batches]


def describe_batch(batch: Batch, tallies: BatchTallies) -> dict[str, Any]:
    """A batch as the report's head has it, and how far it is; verdicts by the batch's own thresholds."""
    counts = dict.fromkeys(STATES, 0) | tallies.states()
    submitted = sum(counts.values())
    waiting = counts["queued"] + counts["running"]
    return {
        "id": batch.id,
        "name": batch.name,
        "created_at": iso_time(batch.created_at),
        "priority": batch.priority,
        "counts": counts,
        "submitted": submitted,
        "ignored": batch.ignored,
        "verdicts": {verdict: tallies.standings[verdict] for verdict in VERDICTS},
        "finished": submitted - waiting,
        "is_submitted": batch.is_complete,
        "is_cancelled": batch.cancelled_at is not None,
        "is_finished": batch.is_complete and waiting == 0,
    }


def read_counted_batch(session: Session, batch_id: int) -> dict[str, Any] | None:
    """The same of one batch, None where there is no such."""
    batch = session.get(Batch, batch_id)
    return None if batch is None else describe_batch(batch, read_many_tallies(session, [batch_id])[batch_id])


def read_many_tallies(session: Session, batch_ids: Collection[int]) -> dict[int, BatchTallies]:
    """Counts the entries of these batches."""
    ids = {"ids": list(batch_ids)}
    standings: dict[int, Counter[str]] = defaultdict(Counter)
    connection = session.connection()
    for batch_id, standing, total in connection.execute(_STANDINGS, ids):
        standings[batch_id][standing] += int(total)
    running: dict[int, int] = dict(connection.execute(_RUNNING, ids).all())
    return {batch_id: BatchTallies(running.get(batch_id, 0), standings[batch_id]) for batch_id in batch_ids}


# Made once, as for lists of videos.
_STANDINGS = sum_tallies("batch_id", "standing", where=lambda table: among(table.batch_id, "ids"))
# Few scans run at any moment: the sum keeps SQLite, which does not know that, from walking the whole batch.
_BATCH_OF_RUNNING = Entry.batch_id + literal_column("0")
_RUNNING = (
    select(_BATCH_OF_RUNNING, func.count())
    .join(Scan, Scan.id == Entry.scan_id)
    .where(IS_RUNNING, among(_BATCH_OF_RUNNING, "ids"))
    .group_by(_BATCH_OF_RUNNING)
)
