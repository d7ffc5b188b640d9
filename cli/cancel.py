"""`fakesweep cancel`: stops judging the videos of a batch."""

import click

from cli.options import batch_argument
from cli.rendering.units import counted


@click.command(name="cancel")
@batch_argument
def command(batch: str) -> None:
    """Stop judging the videos of a batch.

    BATCH is its number or its name (the latest of that name). What waits is cancelled at once, what runs is
    stopped by its worker within seconds. What another batch wants too is judged for that one. Verdicts that
    are there already stay.

    \b
    Examples:
      fakesweep cancel 12
      fakesweep cancel downloads
      fakesweep retry 12 --state cancelled      take it back
    """
    from cli.batches import named_batch
    from cli.opening import opened_database
    from scheduler.control import cancel_batch

    with opened_database() as database:
        with database.read() as session:
            found = named_batch(session, batch)
        cancelled = cancel_batch(database, found.id)
    click.echo(
        f"Batch {found.id}: {counted(cancelled.ended, 'waiting video')} cancelled, "
        f"{cancelled.stopping} running told to stop, {cancelled.kept} kept for other batches.",
        err=True,
    )
