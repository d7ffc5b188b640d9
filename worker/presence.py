"""What a worker's main process does beside Celery: says that it lives, keeps the broker up, reports its dead.

It has the database open only for moments in which nothing is forked: an SQLite connection that crosses a fork
corrupts the locks of the child's own.
"""

import hashlib
import logging
import os
import queue
import re
import signal
import socket
import stat
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from db.errors import DatabaseError
from db.leases import note_evidence, note_loss
from db.workers import say_alive, say_goodbye
from worker.broker import BrokerError, BrokerHandle
from worker.isolation import take_abandoned
from worker.last_words import LastWord, all_last_words, read_last_words
from worker.processes import guard_forks, without_fork
from worker.storage import Storage

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_log = logging.getLogger(__name__)

# Losses that could not be told yet; beyond it the lease's end tells the scheduler.
_KEPT_LOSSES = 1000
_INSTALLATION = "database"


class Presence:
    """A context in which the worker is known to live.

    Args:
        name: the worker's, unique on its host.
        installation: what `mark_installation` noted for its database.
        every_s: between two signs of life.
    """

    def __init__(
        self,
        storage: Storage,
        broker: BrokerHandle,
        directory: Path,
        *,
        name: str,
        installation: str,
        queues: Sequence[str],
        concurrency: int,
        every_s: float,
    ) -> None:
        self._storage = storage
        self._broker = broker
        self._directory = directory
        self._identity: dict[str, Any] = {
            "name": name,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "queues": ",".join(queues),
            "concurrency": concurrency,
        }
        self._installation = installation
        self._every_s = every_s
        self._losses: queue.Queue[tuple[int, str]] = queue.Queue(_KEPT_LOSSES)
        self._wake = threading.Event()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def report_loss(self, scan_id: int, cause: str) -> None:
        """Takes note that the process which was at this scan is dead; returns at once."""
        try:
            self._losses.put_nowait((scan_id, cause))
        except queue.Full:
            return
        self._wake.set()

    def __enter__(self) -> "Presence":
        guard_forks()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        self._wake.set()
        self._thread.join()
        self._do(lambda session: say_goodbye(session, self._identity["name"]))

    def _run(self) -> None:
        while not self._is_over:
            for duty in (self._say_alive, self._keep_broker, self._tell_losses, self._tell_of_dead_workers):
                _attend_to(duty)
            self._wake.wait(self._every_s)
            self._wake.clear()
        _attend_to(self._tell_losses)

    def _say_alive(self) -> None:
        refresh_times(self._directory)
        self._do(lambda session: say_alive(session, **self._identity))

    def _keep_broker(self) -> None:
        try:
            self._broker.ensure_alive()
        except BrokerError as error:
            _log.warning("%s", error)

    def _tell_losses(self) -> None:
        for _ in range(self._losses.qsize()):
            scan_id, cause = self._losses.get_nowait()
            word = read_last_words(self._directory, scan_id)
            if word is None:
                continue
            ids = {"scan_id": scan_id, "batch_id": word.batch_id}
            _log.error("scan %d lost its process %d: %s", scan_id, word.pid, cause, extra=ids)
            evidence = {
                **_evidence_of(word, cause),
                "signal": signal_of(cause),
                "exit_status": exit_status_of(cause),
            }
            token = word.token
            # Should it fail, the lease runs out and tells the same, a little later.
            self._do(lambda session: note_loss(session, scan_id, token, evidence))  # noqa: B023 - called at once

    def _tell_of_dead_workers(self) -> None:
        """What the processes of a dead worker of this host were at; nobody else is left to tell."""
        # Those of another installation have scans of the same numbers.
        for directory in take_abandoned(lambda one: is_of_installation(one, self._installation)):
            for word in all_last_words(directory):
                evidence = _evidence_of(word, "its whole worker died")
                scan_id, token = word.scan_id, word.token
                self._do(lambda session: note_evidence(session, scan_id, token, evidence))  # noqa: B023 - called at once

    def _do(self, work: "Callable[[Session], object]") -> None:
        with without_fork():
            try:
                self._storage.attempt(work)
            except DatabaseError as error:
                _log.warning("%s", error)
            finally:
                self._storage.close()


def mark_installation(directory: Path, database_url: str) -> str:
    """Notes in a worker's directory which database its scans are of, without the address; returns the note."""
    mark = hashlib.sha256(os.fsencode(database_url)).hexdigest()
    (directory / _INSTALLATION).write_text(mark)
    return mark


def is_of_installation(directory: Path, mark: str) -> bool:
    """Whether the worker of this directory worked on the database of that note; not where the note is none of ours."""
    note = directory / _INSTALLATION
    try:
        # A pipe of that name would be read for ever.
        return stat.S_ISREG(note.lstat().st_mode) and note.read_text() == mark
    except (OSError, ValueError):
        return False


def refresh_times(directory: Path) -> None:
    """Sets the times of a directory and its files to the present, so that no cleaner of /tmp takes them for old."""
    with suppress(OSError):
        for path in (directory, *directory.iterdir()):
            # A scan's last words go when it ends.
            with suppress(OSError):
                os.utime(path, follow_symlinks=False)


def exit_status_of(cause: str) -> int | None:
    """The exit status in what Celery says of a lost process, None where a signal ended it."""
    found = re.search(r"exitcode (\d+)", cause)
    return None if found is None else int(found[1])


def signal_of(cause: str) -> str | None:
    """The signal's name in what Celery says of a lost process, None where it says none."""
    found = re.search(r"signal (\d+)", cause)
    if found is None:
        return None
    try:
        return signal.Signals(int(found[1])).name
    except ValueError:
        return found[1]


def _attend_to(duty: Callable[[], None]) -> None:
    try:
        duty()
    except Exception:  # noqa: BLE001 - a defect at one duty must not leave the worker without signs of life
        _log.exception("the worker's presence failed, going on")


def _evidence_of(word: LastWord, cause: str) -> dict[str, Any]:
    said = {"stderr": word.stderr} if word.stderr else {}
    return {
        "cause": cause,
        "last_stage": word.stage,
        "last_progress": word.progress,
        "memory_bytes": word.memory_bytes,
        **said,
    }
