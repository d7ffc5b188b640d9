"""Turns the options of `scan` and `submit` into a submission."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from cli.options import check_frames
from cli.rendering.names import display_name

if TYPE_CHECKING:
    from db.session import Database
    from scheduler.submission import Submission
    from worker.settings import Settings


@dataclass(frozen=True)
class Wanted:
    """What the command line asked for."""

    paths: Sequence[bytes]
    preset: str
    frames: int | None
    max_frames: int
    aggregate: str
    force: bool
    outdated: bool
    priority: str
    name: str | None = None

    def __post_init__(self) -> None:
        check_frames(self.frames, preset=self.preset, max_frames=self.max_frames)
        if self.force and self.outdated:
            raise click.UsageError("--force and --outdated exclude each other: choose one")


def submit_wanted(
    database: Database, settings: Settings, wanted: Wanted, on_progress: Callable[[Submission], None]
) -> Submission:
    """Submits what was asked for, to be judged by the classifier of this installation.

    Raises:
        BundleError: that classifier is missing or altered.
        click.UsageError: there is no video in the named directories.
    """
    from cli.opening import classifier_for_submission
    from scheduler.submission import NothingToScanError, SubmitOptions, submit

    frames = check_frames(wanted.frames, preset=wanted.preset, max_frames=wanted.max_frames)
    options = SubmitOptions(
        preset="custom" if wanted.frames else wanted.preset,
        frames=frames,
        max_frames=wanted.max_frames,
        aggregate=wanted.aggregate,
        priority=wanted.priority,
        force=wanted.force,
        outdated=wanted.outdated,
    )
    with database.begin() as session:
        classifier = classifier_for_submission(session, settings)
    try:
        submission = submit(
            database,
            wanted.paths,
            name=wanted.name,
            options=options,
            classifier_id=classifier.id,
            on_progress=on_progress,
        )
    except NothingToScanError as error:
        raise click.UsageError(str(error)) from error
    for directory in submission.empty_directories:
        click.echo(f"Note: no video in {display_name(directory)}", err=True)
    return submission
