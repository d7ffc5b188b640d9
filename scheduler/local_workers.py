"""Runs a worker beside a command, for as long as the command lives.

The worker is a process of its own, in a session of its own so that Ctrl-C reaches the command alone. It holds
one end of a pipe: when the command closes the other, or dies in whatever way, the worker stops.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from worker.broker_watchdog import last_line
from worker.file_locks import FileLock
from worker.settings import Settings

# What the worker gives itself to hand its scans back, and some more.
STOP_LIMIT_S = 20.0
# A log of one worker; the one before is kept beside it.
LOG_LIMIT_BYTES = 5_000_000


class LocalWorkerError(Exception):
    """The worker ended although nobody asked it to; the message holds its last line."""


class LocalWorker:
    """A context with a worker; its log goes to `worker.log` in the home directory, which `check` keeps short.

    Args:
        concurrency: videos at once, None for the settings' number or one per usable core.
    """

    def __init__(self, settings: Settings, *, concurrency: int | None, queues: Sequence[str]) -> None:
        self._settings = settings
        self._concurrency = concurrency
        self._queues = queues
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: int | None = None

    @property
    def log(self) -> Path:
        """Where the worker writes what it does."""
        return self._settings.home / "worker.log"

    def start(self) -> None:
        """Starts the worker, which takes about a second to take up work; returns at once."""
        self._settings.home.mkdir(parents=True, exist_ok=True)
        theirs, self._pipe = os.pipe()
        try:
            with _opened_log(self.log) as log:
                self._process = subprocess.Popen(
                    self._command(theirs),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs,),
                    start_new_session=True,
                )
        finally:
            os.close(theirs)

    def check(self) -> None:
        """Makes sure that the worker still lives, and turns its log over where that has grown long.

        Raises:
            LocalWorkerError: it does not.
        """
        _turn_over(self.log)
        if self._process is None or self._process.poll() is None:
            return
        raise LocalWorkerError(
            f"the worker ended with status {self._process.returncode}: {_last_line(self.log)} "
            f"(the whole log: {self.log})"
        )

    def stop(self) -> None:
        """Stops the worker; what it was at is given back and will be judged when somebody goes on."""
        if self._process is None or self._pipe is None:
            return
        os.close(self._pipe)
        self._pipe = None
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            # Its processes end with it.
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> "LocalWorker":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _command(self, pipe: int) -> list[str]:
        # The settings travel in the environment, which the worker inherits.
        command = [sys.executable, "-P", "-m", "worker.local", str(pipe), ",".join(self._queues)]
        return command if self._concurrency is None else [*command, str(self._concurrency)]


def _opened_log(path: Path) -> BinaryIO:
    _turn_over(path)
    return path.open("ab")


def _turn_over(path: Path) -> None:
    """Keeps a long log beside, and empties it: who writes into it appends, and goes on at its new beginning.

    A line that is written just then may be lost, and no other. On a full disk all stays as it is. Of several commands
    of one home one does it: the other's would keep the log that was just emptied.
    """
    part = path.with_suffix(".log.part")
    with suppress(OSError), FileLock(path.with_suffix(".log.lock")) as turning:
        # Looked at again under the lock: it may just have been emptied.
        if not (_is_long(path) and turning.try_acquire(shared=False) and _is_long(path)):
            return
        try:
            shutil.copyfile(path, part)
        except OSError:
            part.unlink(missing_ok=True)
            return
        part.replace(path.with_suffix(".log.1"))
        os.truncate(path, 0)


def _is_long(path: Path) -> bool:
    return path.stat().st_size > LOG_LIMIT_BYTES


def _last_line(path: Path) -> str:
    said = None
    with suppress(OSError):
        said = last_line(path)
    return said or "it said nothing"
