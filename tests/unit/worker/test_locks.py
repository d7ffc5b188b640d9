"""File locks and forks: a lock belongs to the process that took it, and to nobody whom it forked."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.services import wait_until
from worker.file_locks import FileLock, is_free
from worker.processes import guard_forks, without_fork

# A holder that forks, says the child's process id, and waits to be killed, as its child does.
HOLDER = """
import os, sys, time
from pathlib import Path
from worker.file_locks import FileLock
lock = FileLock(Path(sys.argv[1]))
assert lock.try_acquire(shared=False)
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(60)
"""


def test_an_orphan_does_not_keep_the_lock_of_its_dead_parent(tmp_path: Path) -> None:
    """The kernel frees what the dead held, and its child does not hold it for it."""
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        orphan = int(holder.stdout.readline())
        assert not is_free(path)

        holder.kill()
        holder.wait()

        try:
            wait_until(lambda: is_free(path), what="a free lock")
            os.kill(orphan, 0)  # It lives, and yet the lock is free.
        finally:
            os.kill(orphan, signal.SIGKILL)


def test_a_child_that_ends_leaves_the_lock_to_its_parent(tmp_path: Path) -> None:
    """Closing a copy frees nothing."""
    with FileLock(tmp_path / "lock") as lock:
        assert lock.try_acquire(shared=False)
        child = os.fork()
        if child == 0:
            os._exit(1 if lock.is_held else 0)

        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert lock.is_held
        assert not is_free(tmp_path / "lock")


def test_a_fork_during_a_release_closes_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of the descriptor that was just closed may already be another file's, in another thread."""
    statuses = []
    close = os.close

    def close_and_fork(descriptor: int) -> None:
        monkeypatch.undo()
        close(descriptor)
        reused = os.open(tmp_path, os.O_RDONLY)
        assert reused == descriptor
        child = os.fork()
        if child == 0:
            os._exit(0 if _is_open(reused) else 1)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        close(reused)

    lock = FileLock(tmp_path / "lock")
    assert lock.try_acquire(shared=False)
    monkeypatch.setattr("os.close", close_and_fork)
    lock.release()

    assert statuses == [0]


def test_a_fork_waits_until_no_thread_forbids_it() -> None:
    """The child would share what is open only meanwhile."""
    guard_forks()
    is_over = threading.Event()
    entered = threading.Event()

    def forbid() -> None:
        with without_fork():
            entered.set()
            time.sleep(0.3)
            is_over.set()

    thread = threading.Thread(target=forbid)
    thread.start()
    entered.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if is_over.is_set() else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    thread.join()


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
