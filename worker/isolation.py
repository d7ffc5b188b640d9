"""Lets a suspect run alone in its worker: nobody else is in the room, and nobody comes in.

Ordinary scans pass a turnstile, several at once, and share the room. A suspect keeps the turnstile to itself, waits
until the room is empty, and holds both. The kernel frees what a dead process held.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from worker.file_locks import FileLock, is_free

_PREFIX = "fakesweep-worker-"
_ALIVE = "alive.lock"
_LEFT_ALONE_S = 24 * 3600.0


@contextmanager
def worker_directory() -> Iterator[Path]:
    """A private directory for one worker's locks and notes, gone at its end."""
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with FileLock(directory / _ALIVE) as alive:
        alive.try_acquire(shared=False)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def take_abandoned(is_ours: Callable[[Path], bool] = lambda _: True) -> Iterator[Path]:
    """The directories of this host's dead workers; each is removed after it was looked at.

    Args:
        is_ours: whether a directory is of this installation. Another's is left to that installation's next worker,
            for a day.
    """
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Another user's cannot be opened; one that was just made has no lock file yet, and is left alone.
        with suppress(OSError):
            if not ((directory / _ALIVE).exists() and is_free(directory / _ALIVE)):
                continue
            if is_ours(directory):
                yield directory
            elif time.time() - max(path.stat().st_mtime for path in directory.iterdir()) < _LEFT_ALONE_S:
                continue
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def beside_others(directory: Path, *, should_stop: Callable[[], bool]) -> Iterator[bool]:
    """Enters the room together with others; False where told to stop before that."""
    with FileLock(directory / "room.lock") as room:
        with FileLock(directory / "turnstile.lock") as turnstile:
            is_in = turnstile.acquire(shared=True, should_stop=should_stop) and room.acquire(
                shared=True, should_stop=should_stop
            )
        yield is_in


@contextmanager
def alone(directory: Path, *, should_stop: Callable[[], bool]) -> Iterator[bool]:
    """Enters the room when it is empty and keeps it so; False where told to stop before that."""
    with FileLock(directory / "turnstile.lock") as turnstile, FileLock(directory / "room.lock") as room:
        yield turnstile.acquire(shared=False, should_stop=should_stop) and room.acquire(
            shared=False, should_stop=should_stop
        )
