"""Keeps the network host running beside a worker: the one process that owns the GPU.

Made by the worker's main process before it forks. The listening socket is that process's, so that it outlives each
host; the host itself is a fresh interpreter, in which nothing was loaded before a fork.
"""

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from worker.pipeline.gpu import may_have_gpu
from worker.pipeline.host_wire import NO_GPU_NOTE, NO_GPU_STATUS, Takes, open_socket, short_address
from worker.processes import guard_forks, without_fork
from worker.settings import Settings

_log = logging.getLogger(__name__)

_SOCKET = "network-host"
_BACKLOG = 512
_LOOK_S = 0.1
_DIES_WITHIN_S = 10.0
_ROOT = str(Path(__file__).resolve().parents[1])
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); from worker.logs import configure_logging; "
    "configure_logging(sys.argv[2], line_format=sys.argv[3]); "
    "from worker.pipeline.network_host import as_program; as_program()"
)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""Between the end of a host and the start of the next; doubled each time."""
IS_WELL_AFTER_S = 600.0
"""A host that lived for so long died of something new."""


def wants_network_host(settings: Settings) -> bool:
    """Whether a worker with these settings should have one: only where there may be a GPU, and on Linux."""
    is_for_gpu = settings.device == "gpu" or (settings.device == "auto" and may_have_gpu())
    return is_for_gpu and sys.platform == "linux"


class NetworkKeeper:
    """A context in which a network host runs, or the next one is being started.

    The first host that dies is replaced soon, and who asks meanwhile waits. While several die one after the other, the
    pauses grow, and who asks in them is refused. Where a host finds no GPU there is no other: the socket goes, and a
    note beside it says why.

    Args:
        directory: the worker's private one.
        settings: of which precision and logging are the host's too.
        takes: `any` for a host that may judge on the processor.
        first_pause_s: between the first end of a host and the start of the next.
    """

    def __init__(
        self, directory: Path, settings: Settings, *, takes: Takes = "gpu", first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        self.address = directory / _SOCKET
        """Of the socket."""
        self._settings = settings
        self._takes: Takes = takes
        self._first_pause_s = first_pause_s
        self._listener: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        # All hosts are started by it: the kernel ends a host together with the thread that started it.
        self._thread = threading.Thread(target=self._keep, name="network-keeper", daemon=True)

    @property
    def host_pid(self) -> int | None:
        """The process id of the host that was started last."""
        return None if self._process is None else self._process.pid

    def __enter__(self) -> "NetworkKeeper":
        guard_forks()
        self._listener = open_socket()
        with short_address(self.address) as address:
            self._listener.bind(address)
        self._listener.listen(_BACKLOG)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._is_over.set()
            if self._process is not None:
                self._process.kill()
        # Not for ever: a driver that hangs can keep even a killed process.
        self._thread.join(_DIES_WITHIN_S)
        self._close()

    def forget(self) -> None:
        """In a forked child: lets go of the socket, so that its end is noticed when the main process closes it."""
        if self._listener is not None:
            self._listener.close()

    def _keep(self) -> None:
        pause_s = self._first_pause_s
        while not self._is_over.is_set():
            started_s = time.monotonic()
            status = self._run_host()
            if status is None:
                return
            if status == NO_GPU_STATUS:
                with suppress(OSError):
                    self.address.with_name(NO_GPU_NOTE).touch()
                self._close()
                return
            if time.monotonic() - started_s > IS_WELL_AFTER_S:
                pause_s = self._first_pause_s
            _log.warning("the network host ended (status %d): the next one starts in %g s", status, pause_s)
            self._pause(pause_s, refuse=pause_s > self._first_pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _run_host(self) -> int | None:
        """The exit status of a host; None where the worker stops."""
        with self._lock:
            if self._is_over.is_set() or self._listener is None:
                return None
            try:
                self._process = self._start(self._listener)
            except OSError as error:
                _log.warning("the network host cannot be started: %s", error)
                return os.EX_OSERR
        status = self._process.wait()
        return None if self._is_over.is_set() else status

    def _pause(self, pause_s: float, *, refuse: bool) -> None:
        """Lets time pass; who asks meanwhile waits for the next host, or is refused and judges on the processor."""
        end_s = time.monotonic() + pause_s
        while time.monotonic() < end_s and not self._is_over.wait(min(pause_s, _LOOK_S)):
            # Only this thread closes it before the end.
            if refuse and self._listener is not None:
                _hang_up_on_all(self._listener)

    def _start(self, listener: socket.socket) -> subprocess.Popen[bytes]:
        with without_fork():
            return subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-c",
                    _PROGRAM,
                    _ROOT,
                    self._settings.log_level,
                    self._settings.log_format,
                    str(os.getpid()),
                    self._settings.precision,
                    self._takes,
                ],
                stdin=listener.fileno(),
                stdout=subprocess.DEVNULL,
                # Out of reach of the terminal's signals: running scans need it until they ended.
                start_new_session=True,
            )

    def _close(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            # For those that wait for a host, too; the children's copies are closed already.
            self.address.unlink(missing_ok=True)
            listener.close()


def _hang_up_on_all(listener: socket.socket) -> None:
    listener.settimeout(0)
    with suppress(OSError):
        while True:
            listener.accept()[0].close()
