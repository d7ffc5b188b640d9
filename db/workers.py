"""Which workers say that they are alive."""

from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.clock import db_now
from db.dialects import insert_or
from db.tables.crew import WorkerRow

ALIVE_S = 30.0
"""A worker not seen for longer is not counted."""

# How long a worker that went away is remembered at all.
_FORGET_S = 24 * 3600.0


@dataclass(frozen=True)
class LiveWorker:
    """A worker seen of late; times are seconds since it started and since it was seen."""

    name: str
    host: str
    pid: int
    queues: str
    concurrency: int
    up_s: float
    seen_s_ago: float


def say_alive(session: Session, *, name: str, host: str, pid: int, queues: str, concurrency: int) -> None:
    """Writes that this worker lives now; the first time, that it started now."""
    told = {"host": host, "pid": pid, "queues": queues, "concurrency": concurrency, "seen_at": db_now()}
    statement = insert_or(session, WorkerRow).values(name=name, started_at=db_now(), **told)
    session.execute(statement.on_conflict_do_update(index_elements=[WorkerRow.name], set_=told))


def say_goodbye(session: Session, name: str) -> None:
    """Forgets a worker that stops in good order, and those not seen for a day."""
    session.execute(delete(WorkerRow).where((WorkerRow.name == name) | (WorkerRow.seen_at < db_now() - _FORGET_S)))


def live_workers(session: Session, *, within_s: float = ALIVE_S) -> list[LiveWorker]:
    """The workers seen within the last `within_s` seconds, by name."""
    rows = session.execute(
        select(WorkerRow, db_now().label("now"))
        .where(WorkerRow.seen_at >= db_now() - within_s)
        .order_by(WorkerRow.name)
    )
    return [
        LiveWorker(
            name=row.name,
            host=row.host,
            pid=row.pid,
            queues=row.queues,
            concurrency=row.concurrency,
            up_s=now - row.started_at,
            seen_s_ago=now - row.seen_at,
        )
        for row, now in rows
    ]
