"""Lets a suspect run alone in its worker: nobody else is in the room, and nobody comes in.

Ordinary scans pass a turnstile, several at once, and share the room. A suspect keeps the turnstile to itself, waits
until the room is empty, and holds both. The kernel frees what a dead process held.
"""

import errno
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from worker.file_locks import FileLock

_PREFIX = "fakesweep-worker-"
_ALIVE = "alive.lock"
_LEFT_ALONE_S = 24 * 3600.0
# Another worker that looks for abandoned directories holds the lock for a moment.
_LOCK_LIMIT_S = 30.0


@contextmanager
def worker_directory() -> Iterator[Path]:
    """A private directory for one worker's locks and notes, gone at its end.

    Raises:
        OSError: it cannot be made, or somebody else keeps its lock.
    """
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with FileLock(directory / _ALIVE) as alive:
        try:
            if not alive.acquire(shared=False, timeout_s=_LOCK_LIMIT_S):
                raise TimeoutError(errno.ETIMEDOUT, "another process keeps the lock of a new worker", str(directory))
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
        # Anybody may put anything there. One that was just made has no lock file yet, and is left alone.
        with suppress(OSError), FileLock(directory / _ALIVE) as alive:
            # Kept until it is removed: of two workers that look, one takes it.
            if not (_is_of_this_user(directory) and (directory / _ALIVE).is_file() and alive.try_acquire(shared=False)):
                continue
            if is_ours(directory):
                yield directory
            elif time.time() - _last_touched_s(directory) < _LEFT_ALONE_S:
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


def _is_of_this_user(directory: Path) -> bool:
    found = directory.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _last_touched_s(directory: Path) -> float:
    """Of whatever lies in it, in seconds since 1970; 0 of an empty one, which is being removed."""
    return max((path.lstat().st_mtime for path in directory.iterdir()), default=0.0)
