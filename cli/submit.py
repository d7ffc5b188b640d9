"""`fakesweep submit`: queues videos for workers that run elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.options import json_option, jsonl_option, judging_options, paths_argument
from cli.rendering.output import open_output
from cli.rendering.report_json import write_json
from cli.rendering.units import counted

if TYPE_CHECKING:
    from scheduler.submission import Submission


@click.command(name="submit")
@paths_argument
@click.option("--batch", "name", metavar="NAME", help="Name of the batch. [default: the first path's last part]")
@click.option(
    "--priority",
    type=click.Choice(("interactive", "bulk")),
    default="bulk",
    show_default=True,
    help="Interactive goes first.",
)
@judging_options
@click.option("--watch", is_flag=True, help="Follow until all is judged, and end with the status of `scan`.")
@json_option
@jsonl_option
@click.pass_context
def command(ctx: click.Context, /, *, watch: bool, json_file: str | None, is_json: bool, **wanted: Any) -> None:
    """Queue videos for workers that run elsewhere.

    Makes a batch of the files, and of the videos in the directories, and returns as soon as they are queued. The
    judging is done by `fakesweep worker`, with `fakesweep scheduler` beside it. `--json` writes the numbers of the
    submission; with `--watch`, the whole report at the end, and `--jsonl` tells how it gets on.

    \b
    Examples:
      fakesweep submit /archive/2026 --batch archive-2026
      fakesweep submit --priority interactive --watch upload.mp4
      fakesweep submit -- -starts-with-a-dash.mp4
    """
    from cli.delivering import Targets, deliver_when_over
    from cli.engine import opened_engine
    from cli.opening import opened_database
    from cli.submitting import Wanted, submit_wanted
    from worker.settings import read_settings

    if is_json and not watch:
        raise click.UsageError("--jsonl tells how the judging gets on: add --watch")
    targets = Targets(json_file, is_followed_in_json=is_json)
    asked = Wanted(**wanted)
    settings = read_settings()
    with opened_database(settings) as database:
        with opened_engine(settings, database) as engine:
            submission = submit_wanted(database, settings, asked, lambda _: engine.send_or_note())
        click.echo(submission_line(submission), err=True)
        if watch:
            ctx.exit(deliver_when_over(database, submission.batch_id, targets))
        if json_file:
            with open_output(json_file) as stream:
                write_json(submission_json(submission), stream)


def submission_line(submission: Submission) -> str:
    """The submission in one line."""
    parts = [f"{counted(submission.new_scans, 'video')} to judge", f"{submission.reused} known already"]
    if submission.ignored:
        parts.append(f"{counted(submission.ignored, 'other file')} ignored")
    return f"Batch {submission.batch_id}: {counted(submission.submitted, 'file')}, {', '.join(parts)}."


def submission_json(submission: Submission) -> dict[str, Any]:
    """The numbers of the submission for programs."""
    return {
        "batch": {
            "id": submission.batch_id,
            "submitted": submission.submitted,
            "ignored": submission.ignored,
            "new_scans": submission.new_scans,
            "reused": submission.reused,
        }
    }
