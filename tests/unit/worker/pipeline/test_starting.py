"""Where the machine has no process or no descriptor left, a start fails by itself and leaves nothing behind."""

import contextlib
import errno
import os
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from worker.pipeline.becoming import OUT_OF_FILES, become_program
from worker.pipeline.spawner_process import Spawner


def _in_child(body: Callable[[], NoReturn]) -> int:
    """The exit status of a fork that runs `body`; 99 where that came back."""
    pid = os.fork()
    if pid == 0:
        try:
            body()
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_no_fork_leaves_no_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """The complaint's pipe is closed at both ends, and the next start goes well."""

    def refuse() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    channel, other = socket.socketpair()
    leash, far_leash = socket.socketpair()
    request = {"argv": ["/bin/true"], "bounds": [], "environment": None, "generation": 0}
    request |= {"readable": None, "hardware": None}
    with channel, other, leash, far_leash:
        spawner = Spawner(channel, os.getpid(), landlock_abi=0, has_seccomp=False)
        before = len(list(Path("/proc/self/fd").iterdir()))
        with monkeypatch.context() as patched:
            patched.setattr(os, "fork", refuse)
            with pytest.raises(BlockingIOError):
                spawner._start(request, leash, [])
        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_child_without_a_descriptor_does_not_come_back() -> None:
    """It ends as it would for any other complaint, and says what is lacking: nothing of the spawner runs twice."""
    read_end, write_end = os.pipe()
    request = {"argv": [sys.executable], "bounds": [], "environment": None}
    parent = os.getpid()

    def become() -> NoReturn:
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
        with contextlib.suppress(OSError):
            while True:
                os.dup(write_end)
        become_program(request, [], None, write_end, parent)

    assert _in_child(become) == 127
    os.close(write_end)
    with open(read_end, "rb") as pipe:  # noqa: PTH123 - a descriptor
        assert pipe.read().decode() == OUT_OF_FILES
