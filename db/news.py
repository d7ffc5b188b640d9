"""What has happened of late, in a few small questions: for one look a second that serves everybody who watches."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.batch_listing import describe_batch, read_many_tallies
from db.clock import db_now
from db.findings import describe_path
from db.headers import iso_time
from db.outcomes import END_STATES
from db.standings import WAITING
from db.tables.batches import Batch, Entry
from db.tables.scans import Scan
from db.tallies import count_waiting
from db.tally_sums import batches_that_hold
from db.verdicts import VERDICTS

# Who watches looks at what is new: of batches so far back nobody is told live.
_LATEST_BATCHES = 1000
_MOST_BATCHES = 50
_MOST_ENDS = 100


@dataclass(frozen=True)
class News:
    """A look.

    Args:
        now: seconds since the epoch, by the database's clock.
        waiting: scans that wait or run, over all batches.
        batches: those under way, and those in which something ended since.
        ended: what ended since the moment asked for, the latest first.
    """

    now: float
    waiting: int
    batches: list[dict[str, Any]]
    ended: list[dict[str, Any]]


def read_news(session: Session, *, since: float | None) -> News:
    """What has happened since a moment (None: nothing is old enough to tell), and what is under way."""
    now = session.scalar(select(db_now())) or 0.0
    ended = [] if since is None else _read_ends(session, since)
    batch_ids = _under_way(session) | {end["batch_id"] for end in ended}
    query = select(Batch).where(Batch.id.in_(batch_ids)).order_by(Batch.id.desc()).limit(_MOST_BATCHES)
    batches = session.scalars(query).all()
    tallies = read_many_tallies(session, [batch.id for batch in batches])
    described = [describe_batch(batch, tallies[batch.id]) for batch in batches]
    return News(now, count_waiting(session), described, ended)


def _under_way(session: Session) -> set[int]:
    """The latest batches in which something waits, or whose files are still being read."""
    newest = session.scalar(select(func.max(Batch.id))) or 0
    oldest = max(0, newest - _LATEST_BATCHES)
    waiting = batches_that_hold(lambda table: (table.batch_id > oldest) & (table.standing == WAITING))
    growing = select(Batch.id).where(Batch.id > newest - _LATEST_BATCHES, Batch.is_complete.is_(False))
    return {*session.scalars(waiting), *session.scalars(growing)}


def _read_ends(session: Session, since: float) -> list[dict[str, Any]]:
    rows = session.execute(
        select(Scan, Entry.id.label("entry_id"), Entry.batch_id, Entry.standing, Entry.path, Batch.aggregate)
        .join(Entry, Entry.scan_id == Scan.id)
        .join(Batch, Batch.id == Entry.batch_id)
        .where(Scan.finished_at > since, Scan.state.in_(END_STATES))
        .order_by(Scan.finished_at.desc(), Entry.id.desc())
        .limit(_MOST_ENDS)
    )
    return [
        {
            "id": scan.video_id,
            "entry_id": entry_id,
            "scan_id": scan.id,
            "attempts": scan.attempts,
            "batch_id": batch_id,
            **describe_path(path),
            "state": scan.state,
            "reason": scan.reason,
            "score": getattr(scan, f"score_{aggregate.replace('-', '_')}"),
            "verdict": standing if standing in VERDICTS else None,
            "finished_at": iso_time(scan.finished_at),
        }
        for scan, entry_id, batch_id, standing, path, aggregate in rows
    ]
