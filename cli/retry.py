"""`fakesweep retry`: queues the failed videos of a batch again."""

import click

from cli.options import batch_argument
from cli.rendering.units import counted

RETRIED_STATES = ("failed", "quarantined", "unreadable", "cancelled")


@click.command(name="retry")
@batch_argument
@click.option(
    "--state",
    "states",
    type=click.Choice(RETRIED_STATES),
    multiple=True,
    default=("failed",),
    show_default=True,
    help="Which videos to try again; may be given more than once.",
)
def command(batch: str, states: tuple[str, ...]) -> None:
    """Queue the failed videos of a batch again.

    BATCH is its number or its name (the latest of that name). The videos get all their attempts anew. Files
    that could not be read at all (missing, empty, no permission) have nothing to try again: submit them once
    more.

    \b
    Examples:
      fakesweep retry 12
      fakesweep retry downloads --state quarantined --state unreadable
    """
    from cli.batches import named_batch
    from cli.engine import send_waiting_or_note
    from cli.opening import opened_database
    from scheduler.control import retry_batch
    from worker.settings import read_settings

    settings = read_settings()
    with opened_database(settings) as database:
        with database.read() as session:
            found = named_batch(session, batch)
        retried = retry_batch(database, found.id, states)
        click.echo(f"Batch {found.id}: {counted(retried.requeued, 'video')} queued again.", err=True)
        if retried.without_content:
            files = counted(retried.without_content, "file")
            click.echo(f"{files} could not be read: submit the paths again once they can.", err=True)
        if retried.requeued:
            send_waiting_or_note(settings, database)
            click.echo("Workers judge them; without any, `fakesweep scan` with the same paths does.", err=True)
