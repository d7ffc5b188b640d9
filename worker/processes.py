"""Ends processes together with what they started, and keeps forks away from where they would do harm."""

import contextlib
import functools
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NoReturn

# How soon an orphan notices.
_LOOK_S = 0.5
_no_fork = threading.RLock()


@functools.cache
def guard_forks() -> None:
    """From now on a fork of this process waits until no other thread is `without_fork`.

    To be called when all is imported: of several such guards the latest is passed first, and a fork that has passed
    those of `logging` or `concurrent.futures` holds their locks while it waits for ours. Once is enough, for the
    children too.
    """
    os.register_at_fork(before=_no_fork.acquire, after_in_parent=_no_fork.release, after_in_child=_no_fork.release)


@contextlib.contextmanager
def without_fork() -> Iterator[None]:
    """Meanwhile no other thread forks, where forks are guarded: a child would share what is open only for a moment.

    Such as an SQLite connection, whose closing in one process drops the other's locks, or the pipe by which
    `subprocess` hears that a program was started: it would wait until that child ends.
    """
    with _no_fork:
        yield


def ask_for_long_turns() -> None:
    """From now on this thread, and what it starts, is the scheduler's batch work, where the system knows such.

    Decoders and networks share the cores all the time, and none waits for a person: being interrupted less often, with
    the caches full, is worth more to them than a quick turn. Whoever gave the process another class is obeyed.
    """
    if hasattr(os, "SCHED_BATCH") and os.sched_getscheduler(0) == os.SCHED_OTHER:
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def end_this_process() -> NoReturn:
    """Kills what this process started, then this process, whatever its threads are doing."""
    try:
        kill_descendants(os.getpid())
    finally:
        # Whatever went wrong: who calls this hangs, or must not go on.
        os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def kill_descendants(pid: int) -> None:
    """Kills every child of a process, and theirs; those that can be found, where no more files may be opened."""
    # Without a free descriptor the module may not be loaded, nor /proc be read.
    with suppress(ImportError, OSError):
        import psutil  # noqa: PLC0415 - only those who kill pay for it

        with suppress(psutil.Error):
            for process in psutil.Process(pid).children(recursive=True):
                with suppress(psutil.Error, OSError):
                    process.kill()


def die_with_parent(parent: int) -> None:
    """From now on this process ends soon after its parent did, or has done already, however that came about.

    Args:
        parent: its process id, which the parent noted before it forked.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_S)
        end_this_process()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
