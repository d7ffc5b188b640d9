"""Follows a batch until it is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from cli.progress import Progress
from worker.safe_text import safe_text

if TYPE_CHECKING:
    from db.session import Database

POLL_S = 0.5
# A database that restarts, or is away for as long as it takes somebody to mend it, ends no scan.
PATIENCE_S = 900.0


def follow(database: Database, batch_id: int, progress: Progress, *, check: Callable[[], None] = lambda: None) -> None:
    """Shows a batch until nothing of it waits or runs.

    Args:
        check: called at every look; raises where waiting on is pointless.

    Raises:
        DatabaseError: the database was away for a quarter of an hour.
    """
    from db.errors import DatabaseUnavailableError
    from scheduler.follow import Follower

    follower = Follower(database, batch_id)
    seen_at = time.monotonic()
    is_away = False
    while True:
        check()
        try:
            view = follower.look()
            workers = _count_workers(database)
        except DatabaseUnavailableError as error:
            if time.monotonic() - seen_at > PATIENCE_S:
                raise
            if not is_away:
                click.echo(safe_text(f"Note: {error}; waiting for it, nothing is lost."), err=True)
            is_away = True
        else:
            seen_at = time.monotonic()
            is_away = False
            progress.judging(view, workers=workers)
            if view.progress.is_finished:
                return
        time.sleep(POLL_S)


def _count_workers(database: Database) -> int:
    from db.workers import live_workers

    with database.read() as session:
        return len(live_workers(session))
