"""File locks that the kernel releases when their holder dies (flock), waited for without blocking for ever.

A lock belongs to the opened file, which a forked child shares. So the child closes its copies at once, or the lock
would outlive its holder in an orphan; and a release is said in words, in case it has not come to that yet.
"""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from weakref import WeakSet

# How often a waiting process looks: short beside the work that is waited for, long beside the look itself.
POLL_S = 0.05
_held: "WeakSet[FileLock]" = WeakSet()


class FileLock:
    """A lock on a file that is made where it is missing; not shared between threads.

    Args:
        path: the file; it stays behind, empty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock, in either way."""
        return self._descriptor is not None

    def try_acquire(self, *, shared: bool) -> bool:
        """Takes the lock if it is free, together with others where `shared`.

        Raises:
            OSError: the file cannot be opened, or its file system has no locks.
        """
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Known before it is locked: from then on no child keeps it.
        _held.add(self)
        try:
            fcntl.flock(self._descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BaseException as error:
            self._forget()
            if isinstance(error, BlockingIOError):
                return False
            raise
        return True

    def acquire(
        self, *, shared: bool, timeout_s: float | None = None, should_stop: Callable[[], bool] = lambda: False
    ) -> bool:
        """Waits for the lock; False when the time is over or `should_stop` says so."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while not self.try_acquire(shared=shared):
            if should_stop() or (deadline_s is not None and time.monotonic() >= deadline_s):
                return False
            time.sleep(POLL_S)
        return True

    def release(self) -> None:
        """Lets others have the lock; does nothing where it is not held."""
        if self._descriptor is None:
            return
        # A child that was forked just now shares the opened file, and closing ours would not free it.
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._forget()

    def _forget(self) -> None:
        # First forgotten, then closed: a child that is forked in between would close, by the same number, what was
        # opened after it. The other way round it only keeps a copy, of a file that is not locked any more.
        descriptor, self._descriptor = self._descriptor, None
        _held.discard(self)
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _leave_locks_to_parent() -> None:
    for lock in list(_held):
        lock._forget()


os.register_at_fork(after_in_child=_leave_locks_to_parent)


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock on the file."""
    with FileLock(path) as lock:
        return lock.try_acquire(shared=False)
