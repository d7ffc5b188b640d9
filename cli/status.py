"""`fakesweep status`: how far a batch is."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from cli.options import json_option, latest_batch_argument
from cli.rendering.output import STDOUT, open_output
from cli.rendering.units import counted, format_duration
from worker.safe_text import safe_text


@click.command(name="status")
@latest_batch_argument
@json_option
def command(batch: str | None, json_file: str | None) -> None:
    """Count the states of a batch, and say what runs now.

    BATCH is its number or its name; without it, the latest.

    \b
    Examples:
      fakesweep status
      fakesweep status downloads --json -
    """
    from cli.batches import named_batch
    from cli.opening import opened_database
    from cli.rendering.report_json import write_json
    from db.progress import read_status

    with opened_database() as database, database.read() as session:
        status = read_status(session, named_batch(session, batch).id)
    if json_file:
        with open_output(json_file) as stream:
            write_json(status, stream)
    if json_file != STDOUT:
        for line in status_lines(status):
            click.echo(line)


def status_lines(status: Mapping[str, Any]) -> Iterator[str]:
    """The status in words: the batch, its states, what runs, who works."""
    from cli.rendering.report_table import summary_line

    batch = status["batch"]
    yield f"Batch {batch['id']} ({safe_text(batch['name'])}), submitted {batch['created_at']}"
    yield f"  {summary_line(batch)}"
    if not status["is_submitted"]:
        yield "  not fully submitted: it is being read now, or reading it was interrupted"
    if status["is_cancelled"]:
        yield "  cancelled"
    for video in status["running"]:
        stage = f"{video['stage'] or 'starting'} {video['progress']:.0%}"
        since = format_duration(video["elapsed_s"])
        yield f"  {safe_text(video['worker'])}: {safe_text(video['path'])}, {stage}, for {since}"
    queue, workers = status["queue"], status["workers"]
    waiting = f"{queue['queued']} queued and {queue['running']} running in all batches"
    yield f"{counted(len(workers), 'worker')} alive; {waiting}"
    if queue["queued"] and not workers:
        yield "No worker is alive: start one with `fakesweep worker`, or run `fakesweep scan` again"
