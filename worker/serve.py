"""Runs a worker: Celery's pool of processes, the signs of life beside it, and an end in good order."""

import gc
import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from celery.apps.worker import Worker
from celery.exceptions import CPendingDeprecationWarning
from celery.platforms import SecurityWarning
from celery.signals import setup_logging, task_failure, worker_process_init, worker_process_shutdown, worker_ready
from celery.worker import state as celery_state

from db.schema import check_schema
from db.session import open_database
from worker.app import QUEUES, make_app
from worker.broker import use_broker
from worker.cores import usable_cores
from worker.isolation import worker_directory
from worker.judging import make_judge
from worker.logs import configure_logging, set_current_worker
from worker.network_keeping import NetworkKeeper, wants_network_host
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.hardware_check import require_method
from worker.pipeline.host_wire import Takes
from worker.pipeline.open_files import require_open_files
from worker.presence import Presence, mark_installation
from worker.processes import ask_for_long_turns, die_with_parent, end_this_process
from worker.settings import Settings
from worker.storage import Storage
from worker.tasks import HAND_BACK, Bench, Judge, register_scan_task
from worker.transport import drop_garbage
from worker.warming import warm_up

_log = logging.getLogger(__name__)

# After the running scans were asked back: what has not come by then hangs, and its lease brings it back.
HAND_BACK_S = 10.0
LOOK_AFTER_POOL_S = 1.0
_NO_HAND_BACK = "no-hand-back"


def run_worker(
    settings: Settings,
    *,
    concurrency: int | None = None,
    queues: Sequence[str] = QUEUES,
    judge: Judge | None = None,
    parent_pipe: int | None = None,
    host_takes: Takes = "gpu",
) -> int:
    """Judges queued videos until told to stop by SIGTERM or SIGINT.

    Args:
        concurrency: videos at once; None for the settings' number, or one per usable core.
        queues: to take work from, the most urgent first.
        judge: in place of the pipeline's.
        parent_pipe: a descriptor whose end of file means that the parent is gone or wants us to stop at once.
        host_takes: what the network host may judge on, where there is one.

    Returns:
        The exit status.

    Raises:
        BrokerError: the embedded broker does not start.
        DatabaseError: the database does not answer, or its tables are not this version's.
        TransientError: it may not open as many files as it needs, or ffmpeg lacks the hardware decoder that is set.
    """
    configure_logging(settings.log_level, line_format=settings.log_format)
    # About pickle, which we do not accept, and containers in which root is nobody.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    # Each time that the broker goes: what runs then goes on, as it shall.
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
    _check_database(settings)
    processes = concurrency or settings.concurrency or usable_cores()
    require_open_files(processes)
    if settings.hwaccel is not None:
        require_method(find_ffmpeg(settings.ffmpeg), settings.hwaccel)
    name = f"{socket.gethostname()}-{os.getpid()}"[:200]
    set_current_worker(name)
    storage = Storage(settings.effective_database_url)
    drop_garbage()
    with use_broker(settings) as broker, worker_directory() as directory:
        app = make_app(broker.url, settings, is_worker=True)
        keeper = None
        if judge is None and wants_network_host(settings):
            keeper = NetworkKeeper(directory, settings, takes=host_takes)
        host = keeper.address if keeper else None
        bench = Bench(settings, name, directory, storage, judge or make_judge(settings, host=host))
        register_scan_task(app, bench)

        def warm() -> None:
            if keeper is not None:
                keeper.forget()
            warm_up(settings, storage, host=host)

        stopping = Stopping(directory, settings.grace_s)
        if parent_pipe is not None:
            stopping.stop_at_end_of(parent_pipe)
        presence = Presence(
            Storage(settings.effective_database_url),
            broker,
            directory,
            name=name,
            installation=mark_installation(directory, settings.effective_database_url),
            queues=queues,
            concurrency=processes,
            every_s=settings.heartbeat_s,
        )
        with presence, keeper or nullcontext():
            return _run_celery(app, name, processes, queues, presence, stopping, warm=None if judge else warm)


class Stopping:
    """How a worker ends: the first request lets running scans finish within the time of grace.

    The second asks for them back at once, the third ends everything; what hangs is killed a little later.

    Args:
        directory: the worker's private one.
    """

    def __init__(self, directory: Path, grace_s: float) -> None:
        self._directory = directory
        # Made now: when it is wanted, the disk may be full, and a new name for it takes no room.
        (directory / _NO_HAND_BACK).touch()
        self._grace_s = grace_s
        self._requests = 0
        self._pid = os.getpid()

    def install(self) -> None:
        """Takes over the signals that mean stop; called in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: self.request())

    def request(self, *, grace_s: float | None = None) -> None:
        """Asks once more to stop."""
        if os.getpid() != self._pid:
            return
        self._requests += 1
        celery_state.should_stop = os.EX_OK
        if self._requests == 1:
            wait_s = self._grace_s if grace_s is None else grace_s
            self._after(wait_s, self._ask_back)
        elif self._requests == 2:
            self._ask_back()
        else:
            end_this_process()

    def stop_at_end_of(self, parent_pipe: int) -> None:
        """Stops without any grace as soon as the other end of the pipe is closed."""

        def watch() -> None:
            while os.read(parent_pipe, 1024):
                pass
            self.request(grace_s=0.0)

        threading.Thread(target=watch, name="parent-pipe", daemon=True).start()

    def _ask_back(self) -> None:
        # First of all, whatever becomes of the asking.
        self._after(HAND_BACK_S, self._give_up)
        try:
            (self._directory / _NO_HAND_BACK).rename(self._directory / HAND_BACK)
        except OSError as error:
            if (self._directory / HAND_BACK).exists():
                # Once is enough.
                return
            _log.warning("asking for running scans by a new file, as the one made for it is not to be had: %s", error)
            with suppress(OSError):
                (self._directory / HAND_BACK).touch()

    def _give_up(self) -> None:
        _log.error("ending: running scans were not given back within %g s", HAND_BACK_S)
        end_this_process()

    def _after(self, wait_s: float, act: Any) -> None:
        timer = threading.Timer(wait_s, act)
        timer.daemon = True
        timer.start()


class _Worker(Worker):  # type: ignore[misc]
    """Celery's worker with our signals, and without its restarts and debuggers by signal."""

    stopping: Stopping

    def install_platform_tweaks(self, worker: object) -> None:  # noqa: ARG002 - Celery's signature
        """Called by Celery in the main thread when it starts."""
        self.stopping.install()

    def set_process_status(self, info: str) -> None:
        """Leaves the process's title alone: people look for `fakesweep worker`."""


def reporter_of_losses(presence: Presence) -> Callable[..., None]:
    """What tells the presence of each task that Celery found lost, in the process that calls this, and in no child."""
    main_process = os.getpid()

    def report_loss(args: Sequence[Any] = (), exception: object = None, **_: object) -> None:
        # A child that hears of a failed task lives, and its copy of the presence has no thread.
        if os.getpid() == main_process and args and type(args[0]) is int:
            presence.report_loss(args[0], str(exception))

    return report_loss


def _check_database(settings: Settings) -> None:
    database = open_database(settings.effective_database_url)
    try:
        check_schema(database)
    finally:
        # Before the first fork: see worker.processes.
        database.dispose()


def _run_celery(
    app: Any,
    name: str,
    processes: int,
    queues: Sequence[str],
    presence: Presence,
    stopping: Stopping,
    *,
    warm: Callable[[], None] | None,
) -> int:
    # Connected by name, as the signals hold receivers only weakly.
    def keep_logging(**_: object) -> None:
        """Its being there keeps Celery from setting up logging of its own."""

    main_process = os.getpid()

    def start_child(**_: object) -> None:
        # A service manager may signal every process of the worker: the main one decides for all.
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        ask_for_long_turns()
        die_with_parent(main_process)
        if warm is not None:
            warm()

    def end_child(exitcode: int, **_: object) -> None:
        # All that it had to say is read. Celery now has it sleep for a second, or until a SIGTERM, to which ours are
        # deaf; its place in the pool would be empty for so long.
        if os.getpid() != main_process:
            os._exit(exitcode)

    def say_ready(sender: Any, **_: object) -> None:
        # The pool may miss a death, when a process that was forked meanwhile holds the other end of the
        # pipe that tells it, and then looks only every 5 s.
        sender.timer.call_repeatedly(LOOK_AFTER_POOL_S, sender.pool.maintain_pool)
        _log.info("worker %s is ready: %d at once, from %s", name, processes, ", ".join(queues))

    setup_logging.connect(keep_logging)
    worker_process_init.connect(start_child)
    worker_process_shutdown.connect(end_child)
    report_loss = reporter_of_losses(presence)
    task_failure.connect(report_loss)
    worker_ready.connect(say_ready)
    worker = _Worker(
        app=app,
        hostname=name,
        pool_cls="prefork",
        concurrency=processes,
        queues=list(queues),
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        # A sign of life for those who listen to events; ours is in the database.
        without_heartbeat=not app.conf.worker_send_task_events,
        optimization="fair",
    )
    worker.stopping = stopping
    # What is loaded by now stays: neither Celery, before each fork, nor the children need look through it for garbage.
    gc.collect()
    gc.freeze()
    worker.start()
    return int(worker.exitcode or 0)
