"""`fakesweep watch`: follows a batch while it is judged."""

import click

from cli.options import jsonl_option, latest_batch_argument


@click.command(name="watch")
@latest_batch_argument
@jsonl_option
def command(batch: str | None, *, is_json: bool) -> None:
    """Follow a batch while it is judged.

    Shows rate, time left, counts, what each worker does, and the latest fakes: as a picture on a terminal, as plain
    lines elsewhere, as JSON lines with --jsonl.

    BATCH is its number or its name; without it, the latest. Ends when the batch is over. Ctrl-C ends the watching,
    not the judging.

    \b
    Examples:
      fakesweep watch
      fakesweep watch downloads
      fakesweep watch --jsonl | jq .finished
    """
    from cli.batches import named_batch
    from cli.following import follow
    from cli.opening import opened_database
    from cli.progress import console_for_messages, progress_for
    from cli.rendering.report_table import summary_line
    from cli.stopping import stopped_by_signals
    from db.progress import read_status

    with opened_database() as database:
        with database.read() as session:
            found = named_batch(session, batch)
        shown = progress_for(console_for_messages(), is_json=is_json)
        with stopped_by_signals(), shown as progress:
            follow(database, found.id, progress)
        if is_json:
            return
        with database.read() as session:
            click.echo(summary_line(read_status(session, found.id)["batch"]))
