"""Which schedulers say that they are alive."""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from db.clock import db_now
from db.dialects import insert_or
from db.tables.crew import SchedulerRow

SCHEDULER_ALIVE_S = 60.0
"""A scheduler not seen for longer is not counted: a sweep may wait half a minute for a locked database."""

_FORGET_S = 24 * 3600.0


def say_scheduling(session: Session, *, name: str, host: str, pid: int) -> None:
    """Writes that this scheduler lives now; the first time, that it started now."""
    told = {"host": host, "pid": pid, "seen_at": db_now()}
    statement = insert_or(session, SchedulerRow).values(name=name, started_at=db_now(), **told)
    session.execute(statement.on_conflict_do_update(index_elements=[SchedulerRow.name], set_=told))


def say_no_longer_scheduling(session: Session, name: str) -> None:
    """Forgets a scheduler that stops in good order, and those not seen for a day."""
    is_old = SchedulerRow.seen_at < db_now() - _FORGET_S
    session.execute(delete(SchedulerRow).where((SchedulerRow.name == name) | is_old))


def count_live_schedulers(session: Session, *, host: str | None = None) -> int:
    """How many schedulers were seen of late, everywhere or on one host."""
    query = select(func.count()).where(SchedulerRow.seen_at >= db_now() - SCHEDULER_ALIVE_S)
    return session.scalar(query if host is None else query.where(SchedulerRow.host == host)) or 0
