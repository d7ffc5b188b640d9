"""Runs a scan from submission to results, with the workers that it needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from cli.crew import LocalCrew
from cli.delivering import Targets, deliver
from cli.engine import Engine, opened_engine
from cli.following import follow
from cli.opening import opened_database
from cli.progress import Progress, console_for_messages, progress_for
from cli.rendering.units import format_duration
from cli.stopping import stopped_by_signals
from cli.submitting import Wanted, submit_wanted
from worker.settings import read_settings

if TYPE_CHECKING:
    from scheduler.submission import Submission

INTERRUPTED = 130


def run_scan(wanted: Wanted, targets: Targets, *, workers: int | None) -> int:
    """Submits, judges, delivers; returns the exit status.

    Args:
        workers: videos at once on this machine, None for one per core, 0 to leave all to workers elsewhere.
    """
    settings = read_settings()
    started_at = time.monotonic()
    with opened_database(settings) as database:
        try:
            with stopped_by_signals(), opened_engine(settings, database) as engine:
                batch_id = _Scan(engine, targets, workers=workers).run(wanted)
        except KeyboardInterrupt:
            click.echo("Interrupted: nothing is lost, the same command goes on where this one stopped.", err=True)
            return INTERRUPTED
        status = deliver(database, batch_id, targets)
    took = format_duration(time.monotonic() - started_at)
    click.echo(f"Batch {batch_id} took {took}.", err=True)
    return status


class _Scan:
    """A scan under way: submission, local workers, following."""

    def __init__(self, engine: Engine, targets: Targets, *, workers: int | None) -> None:
        self._engine = engine
        self._is_json = targets.is_followed_in_json
        self._crew = LocalCrew(engine.settings, most=workers)
        self._chunks = 0

    def run(self, wanted: Wanted) -> int:
        """Judges what is wanted; returns the batch's id when nothing of it waits any more."""
        with self._crew:
            try:
                return self._submit_and_follow(wanted)
            except KeyboardInterrupt:
                click.echo("Stopping: what is under way is given back.", err=True)
                raise

    def _submit_and_follow(self, wanted: Wanted) -> int:
        engine = self._engine
        shown = progress_for(console_for_messages(), is_json=self._is_json)
        with engine.sweeping() as check, shown as progress:
            submission = submit_wanted(
                engine.database, engine.settings, wanted, lambda part: self._on_chunk(part, progress)
            )
            self._crew.start(for_videos=self._count_waiting(submission.batch_id))
            follow(engine.database, submission.batch_id, progress, check=lambda: self._check(check))
        return submission.batch_id

    def _on_chunk(self, part: Submission, progress: Progress) -> None:
        """Lets the judging begin while files are still being read."""
        progress.reading(part.submitted)
        self._engine.send_or_note()
        self._chunks += 1
        # The first chunk may be all there is, and then its size tells how many workers are needed.
        if self._chunks > 1:
            self._crew.start(for_videos=part.new_scans)

    def _count_waiting(self, batch_id: int) -> int:
        from db.progress import read_progress

        with self._engine.database.read() as session:
            progress = read_progress(session, batch_id)
        return progress.submitted - progress.finished

    def _check(self, check_sweeps: Callable[[], None]) -> None:
        check_sweeps()
        self._crew.check()
