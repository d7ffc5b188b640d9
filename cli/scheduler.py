"""`fakesweep scheduler`: puts lost work back in the queue, and takes what is put into watched folders."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from cli.options import preset_option

if TYPE_CHECKING:
    from db.session import Database
    from scheduler.reconcile import Reconciled


@click.command(name="scheduler")
@click.option(
    "--folder",
    "folders",
    multiple=True,
    type=click.Path(file_okay=False, path_type=bytes),
    metavar="DIR",
    help="Judge each new video in this folder and those below it; may be given several times.",
)
@preset_option
@click.option(
    "--priority",
    type=click.Choice(["interactive", "bulk"]),
    default="bulk",
    show_default=True,
    help="The queue for what folders bring.",
)
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="Serve figures for Prometheus at this port.")
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="The address of that port.")
def command(
    folders: tuple[bytes, ...], preset: str, priority: str, metrics_port: int | None, metrics_host: str
) -> None:
    """Put lost work back in the queue until stopped.

    Every few seconds it takes back scans whose worker is gone, sends again what the broker lost, and sends what was
    submitted while the broker was away. Run one beside your workers; several do no harm. `fakesweep scan` does the
    same for itself. SIGTERM and Ctrl-C end it.

    With --folder it also submits each new video of a folder as soon as its size and mtime have been the same for
    FAKESWEEP_STILL_S seconds, on network mounts too. What the database knows already, by path, size and mtime, is
    not submitted again; what changed is. The videos of a folder and a day (UTC) are one batch.

    What the FAKESWEEP_KEEP_... settings call too old it takes away every hour, a little at a time.

    \b
    Examples:
      fakesweep scheduler
      fakesweep scheduler --folder /srv/incoming --folder /mnt/cameras --preset fast
      fakesweep scheduler --metrics-port 9464
      FAKESWEEP_SWEEP_S=2 fakesweep scheduler
    """
    from cli.beside import works_beside
    from cli.engine import opened_engine
    from cli.folders import folder_works
    from cli.housekeeping import keep_house
    from cli.opening import opened_database
    from web.notices.notifier import Notifier
    from worker.logs import configure_logging
    from worker.settings import read_settings

    settings = read_settings()
    configure_logging(settings.log_level, line_format=settings.log_format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with (
        opened_database(settings) as database,
        opened_engine(settings, database) as engine,
        _living(database) as say_alive,
        _serving_metrics(database, metrics_host, metrics_port),
        Notifier(settings, database).running(),
        works_beside(
            [
                partial(keep_house, database, settings),
                *folder_works(engine, folders, preset=preset, priority=priority),
            ],
            stop,
        ) as check,
    ):
        click.echo(f"Sweeping every {settings.sweep_s:g} s; Ctrl-C ends it.", err=True)

        def after_sweep(done: Reconciled) -> None:
            _log_sweep(done)
            say_alive()

        engine.sweep_until(stop.wait, on_sweep=after_sweep, on_trouble=lambda _: say_alive())
        check()


@contextmanager
def _serving_metrics(database: Database, host: str, port: int | None) -> Iterator[None]:
    """Serves figures meanwhile, if they are asked for."""
    if port is None:
        yield
        return
    from scheduler.metrics import serving_metrics

    with ExitStack() as stack:
        try:
            stack.enter_context(serving_metrics(database, host, port))
        except OSError as error:
            raise click.ClickException(
                f"cannot listen at {host} port {port}: {error.strerror}: choose another --metrics-port"
            ) from error
        yield


@contextmanager
def _living(database: Database) -> Iterator[Callable[[], None]]:
    """A way to say that this scheduler lives, forgotten in the end."""
    import logging

    from db.errors import DatabaseError
    from db.folders import close_past_days
    from db.schedulers import say_no_longer_scheduling, say_scheduling

    host = socket.gethostname()
    name = f"{host}-{os.getpid()}"[:200]

    def say_alive() -> None:
        try:
            with database.begin() as session:
                say_scheduling(session, name=name, host=host, pid=os.getpid())
                close_past_days(session)
        except DatabaseError as error:
            logging.getLogger(__name__).warning("%s", error)

    say_alive()
    try:
        yield say_alive
    finally:
        try:
            with database.begin() as session:
                say_no_longer_scheduling(session, name)
        except DatabaseError as error:
            logging.getLogger(__name__).warning("%s", error)


def _log_sweep(done: Reconciled) -> None:
    import logging

    counts = {name: count for name, count in vars(done).items() if count}
    if counts:
        words = ", ".join(f"{count} {name}" for name, count in counts.items())
        logging.getLogger(__name__).info("sweep: %s", words)
