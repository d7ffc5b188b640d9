"""`fakesweep worker`: judges queued videos until stopped."""

import click

from worker.cores import usable_cores

QUEUES = ("interactive", "bulk")


class Concurrency(click.ParamType[int]):
    """A number of videos at once, or `auto`."""

    name = "concurrency"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; `auto` is that of the usable cores."""
        if value == "auto":
            return usable_cores()
        if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 1024):
            self.fail(f"{value!r} is neither auto nor a whole number from 1 to 1024", param, ctx)
        return int(value)


class QueueList(click.ParamType[tuple[str, ...]]):
    """Queues, parted by commas."""

    name = "queues"

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The queues, each once."""
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",")))
        for name in names:
            if name not in QUEUES:
                self.fail(f"{name!r} is no queue: name one or both of {','.join(QUEUES)}", param, ctx)
        return names


@click.command(name="worker")
@click.option(
    "--concurrency",
    type=Concurrency(),
    metavar="N|auto",
    help="Videos at once; auto is one per processor core. [default: FAKESWEEP_CONCURRENCY, or auto]",
)
@click.option(
    "--queues",
    type=QueueList(),
    default=",".join(QUEUES),
    show_default=True,
    metavar="NAMES",
    help="Queues to take work from, the most urgent first.",
)
@click.pass_context
def command(ctx: click.Context, /, *, concurrency: int | None, queues: tuple[str, ...]) -> None:
    """Judge queued videos until stopped.

    Needs the broker and the database that `fakesweep submit` uses, and the videos under the same paths. On
    SIGTERM or Ctrl-C the videos under way are finished or handed back; a second one ends it at once. A killed
    worker loses nothing: `fakesweep scheduler` puts back what it held.

    \b
    Examples:
      fakesweep worker
      fakesweep worker --concurrency 4 --queues bulk
      FAKESWEEP_BROKER_URL=redis://broker:6379/0 \\
      FAKESWEEP_DATABASE_URL=postgresql+psycopg://sweep:secret@db/fakesweep fakesweep worker
    """
    from cli.opening import opened_database
    from worker.serve import run_worker
    from worker.settings import read_settings

    settings = read_settings()
    with opened_database(settings):
        # The first command on a fresh installation makes the embedded database. Closed again before any fork.
        pass
    ctx.exit(run_worker(settings, concurrency=concurrency, queues=queues))
