"""`fakesweep scheduler`: puts lost work back in the queue until stopped."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from scheduler.reconcile import Reconciled


@click.command(name="scheduler")
def command() -> None:
    """Put lost work back in the queue until stopped.

    Every few seconds it takes back scans whose worker is gone, sends again what the broker lost, and sends what was
    submitted while the broker was away. Run one beside your workers; several do no harm. `fakesweep scan` does the
    same for itself. SIGTERM and Ctrl-C end it.

    \b
    Examples:
      fakesweep scheduler
      FAKESWEEP_SWEEP_S=2 fakesweep scheduler
    """
    from cli.engine import opened_engine
    from cli.opening import opened_database
    from worker.logs import configure_logging
    from worker.settings import read_settings

    settings = read_settings()
    configure_logging(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with opened_database(settings) as database, opened_engine(settings, database) as engine:
        click.echo(f"Sweeping every {settings.sweep_s:g} s; Ctrl-C ends it.", err=True)
        engine.sweep_until(stop.wait, on_sweep=_log_sweep)


def _log_sweep(done: Reconciled) -> None:
    import logging

    counts = {name: count for name, count in vars(done).items() if count}
    if counts:
        words = ", ".join(f"{count} {name}" for name, count in counts.items())
        logging.getLogger(__name__).info("sweep: %s", words)
