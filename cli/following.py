"""Follows a batch until it is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from cli.progress import Progress

if TYPE_CHECKING:
    from db.session import Database

POLL_S = 0.5
# A database that restarts or is locked for a moment ends no scan.
PATIENCE_S = 60.0


def follow(database: Database, batch_id: int, progress: Progress, *, check: Callable[[], None] = lambda: None) -> None:
    """Shows a batch until nothing of it waits or runs.

    Args:
        check: called at every look; raises where waiting on is pointless.

    Raises:
        DatabaseError: the database was away for a minute.
    """
    from db.errors import DatabaseUnavailableError
    from scheduler.follow import Follower

    follower = Follower(database, batch_id)
    seen_at = time.monotonic()
    while True:
        check()
        try:
            view = follower.look()
            workers = _count_workers(database)
        except DatabaseUnavailableError:
            if time.monotonic() - seen_at > PATIENCE_S:
                raise
        else:
            seen_at = time.monotonic()
            progress.judging(view, workers=workers)
            if view.progress.is_finished:
                return
        time.sleep(POLL_S)


def _count_workers(database: Database) -> int:
    from db.workers import live_workers

    with database.read() as session:
        return len(live_workers(session))
