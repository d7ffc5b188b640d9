"""The broker that a command uses, and the loop that puts lost scans back and sends what waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from cli.beside import works_beside
from worker.safe_text import safe_text

if TYPE_CHECKING:
    from celery import Celery

    from db.session import Database
    from scheduler.reconcile import Reconciled
    from worker.broker import BrokerHandle
    from worker.settings import Settings

# Sweeps that are further apart than so many of their intervals count as a gap.
_SWEEPS_PER_GAP = 3
# Workers that could not renew their leases get so many heartbeats to do it.
_HEARTBEATS_OF_GRACE = 2


@dataclass
class Engine:
    """A broker in use, with a way to send scans to it."""

    settings: Settings
    database: Database
    broker: BrokerHandle
    app: Celery

    def send_waiting(self) -> int:
        """Sends what is written and not yet sent; returns how many scans."""
        from scheduler.dispatch import send_waiting

        return send_waiting(self.database, self._send)

    def send_or_note(self) -> None:
        """Sends what waits; what the broker does not take stays written, for a later sweep to send."""
        from worker.broker import BrokerError

        try:
            self.send_waiting()
        except BrokerError as error:
            _note_unsent(error)

    def sweep_until(
        self,
        pause: Callable[[float], bool],
        *,
        on_sweep: Callable[[Reconciled], None] = lambda _: None,
        on_trouble: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        """Puts back lost scans and sends what waits, until `pause` (seconds to wait) says to stop."""
        from scheduler.reconcile import SweepPolicy, run_scheduler
        from worker.broker import BrokerError

        times = self.settings
        run_scheduler(
            self.database,
            self._send,
            queue_is_empty=self._is_queue_empty,
            pause=pause,
            policy=SweepPolicy(
                sweep_s=times.sweep_s,
                gap_s=_SWEEPS_PER_GAP * times.sweep_s,
                grace_s=_HEARTBEATS_OF_GRACE * times.heartbeat_s,
            ),
            broker_errors=(BrokerError, OSError),
            on_sweep=on_sweep,
            on_trouble=on_trouble,
        )

    @contextmanager
    def sweeping(self) -> Iterator[Callable[[], None]]:
        """Sweeps in a thread meanwhile; what it yields raises when the thread has met a defect."""
        with works_beside([self.sweep_until], threading.Event()) as check:
            yield check

    def _send(self, scan_ids: Sequence[int], queue: str) -> None:
        from worker.sending import send_scans

        send_scans(self.app, scan_ids, queue)

    def _is_queue_empty(self) -> bool:
        from worker.app import count_messages

        self.broker.ensure_alive()
        return count_messages(self.app) == 0


@contextmanager
def opened_engine(settings: Settings, database: Database) -> Iterator[Engine]:
    """The engine, with a broker that answers.

    Raises:
        BrokerError: the configured one does not answer, or the embedded one does not start.
    """
    from worker.app import make_app
    from worker.broker import check_broker, use_broker

    with use_broker(settings) as broker:
        if not settings.is_embedded_broker:
            check_broker(broker.url)
        yield Engine(settings, database, broker, make_app(broker.url, settings))


def send_waiting_or_note(settings: Settings, database: Database) -> None:
    """Sends what waits; where no broker answers, says so: what waits is sent later."""
    from worker.broker import BrokerError

    try:
        with opened_engine(settings, database) as engine:
            engine.send_waiting()
    except BrokerError as error:
        _note_unsent(error)


def _note_unsent(error: Exception) -> None:
    note = f"Note: {error}; `fakesweep scheduler` sends what waits as soon as a broker answers."
    click.echo(safe_text(note), err=True)
