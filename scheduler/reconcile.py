"""Keeps promises that others broke: takes scans back from lost workers, sends again what the broker lost.

It alone requeues. Any number of schedulers may run at once; every decision is taken in the database.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from db.errors import DatabaseUnavailableError
from db.reconciling import forget_sent, take_back_lost
from db.session import Database
from db.tallies import add_up_changes
from scheduler.dispatch import Send, send_waiting

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True)
class SweepPolicy:
    """The reconciler's times, in seconds.

    Args:
        sweep_s: between two sweeps.
        gap_s: after so long without any sweep, leases that ran out prove nothing.
        grace_s: how long workers then get to renew; two heartbeats.
        resend_after_s: how long a sent scan may wait, with empty queues, before it is sent again.
    """

    sweep_s: float = 5.0
    gap_s: float = 15.0
    grace_s: float = 10.0
    resend_after_s: float = 10.0


@dataclass(frozen=True)
class Reconciled:
    """What one sweep came to.

    Args:
        requeued: scans taken back from lost workers.
        suspects: of those, scans that from now on run alone.
        quarantined: scans that lost their worker while they ran alone.
        cancelled: lost scans that an operator had asked to stop.
        resent: scans that waited with nothing in the broker that would start them.
        sent: all scans sent, those included.
    """

    requeued: int = 0
    suspects: int = 0
    quarantined: int = 0
    cancelled: int = 0
    resent: int = 0
    sent: int = 0


def reconcile_once(
    database: Database, send: Send, *, queue_is_empty: Callable[[], bool], policy: SweepPolicy | None = None
) -> Reconciled:
    """One sweep: ends expired leases, adds up what was counted meanwhile, and sends what waits.

    Args:
        queue_is_empty: whether the broker holds no message that no worker has taken.

    Raises:
        DatabaseError: nothing was lost by it; sweep again later.
    """
    times = policy or SweepPolicy()
    done = _take_back(database, times)
    if queue_is_empty():
        with database.begin() as session:
            done = replace(done, resent=forget_sent(session, older_than_s=times.resend_after_s))
    return replace(done, sent=send_waiting(database, send))


def run_scheduler(
    database: Database,
    send: Send,
    *,
    queue_is_empty: Callable[[], bool],
    pause: Callable[[float], bool],
    policy: SweepPolicy | None = None,
    broker_errors: tuple[type[Exception], ...] = (OSError,),
    on_sweep: Callable[[Reconciled], None] = lambda _: None,
    on_trouble: Callable[[Exception], None] = lambda _: None,
) -> None:
    """Sweeps until told to stop; while the database or the broker is away, waits with growing pauses.

    Leases are looked after while the broker is away, too: were nobody to sweep for so long, none could be ended.

    Args:
        pause: waits so many seconds and says whether to stop, such as `threading.Event().wait`.
        broker_errors: what `send` and `queue_is_empty` raise when the broker is away.
        on_sweep: told of each sweep, of those that sent nothing because the broker is away, too.
        on_trouble: told of each failed sweep.
    """
    times = policy or SweepPolicy()
    passing: tuple[type[Exception], ...] = (DatabaseUnavailableError, *broker_errors)
    failures = 0
    while True:
        started_at = time.monotonic()
        is_broker_away = False
        try:
            reconciled = reconcile_once(database, send, queue_is_empty=queue_is_empty, policy=times)
        except passing as error:
            _log.warning("sweep failed, trying again: %s", error)
            on_trouble(error)
            is_broker_away = not isinstance(error, DatabaseUnavailableError)
            wait_s = pause_after_failures(failures)
            failures += 1
        else:
            on_sweep(reconciled)
            failures = 0
            wait_s = max(0.0, times.sweep_s - (time.monotonic() - started_at))
        while is_broker_away and wait_s > max(times.sweep_s, _FIRST_PAUSE_S):
            step_s = max(times.sweep_s, _FIRST_PAUSE_S)
            if pause(step_s):
                return
            wait_s -= step_s
            with suppress(DatabaseUnavailableError):
                on_sweep(_take_back(database, times))
        if pause(wait_s):
            return


def _take_back(database: Database, times: SweepPolicy) -> Reconciled:
    """The part of a sweep that needs no broker."""
    with database.begin() as session:
        sweep = take_back_lost(session, gap_s=times.gap_s, grace_s=times.grace_s)
    with database.begin() as session:
        add_up_changes(session)
    return Reconciled(sweep.requeued, sweep.suspects, sweep.quarantined, sweep.cancelled)


def pause_after_failures(failures: int) -> float:
    """Seconds to wait after one more failure, `failures` of them having come before in a row."""
    return float(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(failures, 10)))
