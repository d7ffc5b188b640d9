"""Starts decoders and header readers through a small process of its own, which locks them in and never leaves them."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from worker.pipeline.becoming import OUT_OF_FILES
from worker.pipeline.errors import Reason, TransientError
from worker.pipeline.executables import files_to_start
from worker.pipeline.hardware import Reach
from worker.pipeline.leash import SpawnedProcess, read_line
from worker.pipeline.open_files import is_out_of_files, out_of_files_error
from worker.pipeline.sandbox import SandboxParts, find_sandbox

FIRST_PASSED = 3
"""The number under which a started process finds the first descriptor after its standard input, output and error."""

__all__ = ["FIRST_PASSED", "Bound", "SpawnedProcess", "Spawner", "shared_spawner"]

Bound = tuple[int, int, int]
"""One of the `resource.RLIMIT_...`, the limit, and the limit that cannot be raised again."""

_ROOT = str(Path(__file__).resolve().parents[2])
# Not by `-m`: of what is installed nothing is needed, and without it the start is twice as fast.
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from worker.pipeline.spawner_process import main; main()"
_ANSWERS_WITHIN_S = 60.0


class Spawner:
    """The starting process and the channel to it; safe to share between threads, useless after a fork.

    Args:
        parts: what to lock processes in with; None for all that this machine has.
    """

    def __init__(self, parts: SandboxParts | None = None) -> None:
        self.parts = parts or find_sandbox()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._generation = 0
        self.owner_pid = os.getpid()

    def forget_programs(self) -> None:
        """Looks anew at what programs need to start: they, or their libraries, may have been replaced."""
        files_to_start.cache_clear()
        self._generation += 1

    def start(
        self,
        argv: Sequence[str],
        *,
        descriptors: Sequence[int],
        bounds: Sequence[Bound] = (),
        environment: Mapping[str, str] | None = None,
        is_confined: bool,
        reach: Reach | None = None,
    ) -> SpawnedProcess:
        """Starts a program in the root directory, as leader of a session of its own.

        Args:
            argv: the path of the program, and what follows.
            descriptors: what it gets as 0, 1, 2 and so on, eight at most; nothing else is open in it.
            bounds: limits that are set before it runs.
            environment: None for this process' own.
            is_confined: whether it is locked in from its first instruction.
            reach: what it may reach beyond that, where it is locked in.

        Raises:
            TransientError: it cannot be started; `detail` says why.
        """
        request: dict[str, Any] = {
            "argv": list(argv),
            "bounds": list(bounds),
            "environment": None if environment is None else dict(environment),
            "generation": self._generation,
            "hardware": None if reach is None else {"readable": reach.readable, "devices": reach.devices},
        }
        try:
            request["readable"] = [str(path) for path in files_to_start(Path(argv[0]))] if is_confined else None
        except OSError as error:
            if is_out_of_files(error):
                raise out_of_files_error() from error
            detail = f"{argv[0]} could not be started: {error.strerror}"
            raise TransientError(Reason.INTERNAL_ERROR, detail) from error
        try:
            # Once more with a fresh one: the first may have been killed.
            with contextlib.suppress(OSError):
                return self._ask(request, descriptors)
            self.close()
            return self._ask(request, descriptors)
        except OSError as error:
            if is_out_of_files(error):
                raise out_of_files_error() from error
            detail = f"the process that starts {Path(argv[0]).name} does not answer: {error.strerror or error}"
            raise TransientError(Reason.INTERNAL_ERROR, detail) from error

    def close(self) -> None:
        """Ends it, and all that it started."""
        with self._lock:
            channel, self._channel = self._channel, None
            process, self._process = self._process, None
        if channel is not None:
            channel.close()
        if process is not None:
            process.kill()
            process.wait()

    def _ask(self, request: dict[str, Any], descriptors: Sequence[int]) -> SpawnedProcess:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self._ensure(), [b"x"], [theirs.fileno(), *descriptors])
            body = json.dumps(request).encode("utf-8", "surrogateescape")
            ours.sendall(len(body).to_bytes(4, "big") + body)
            answer = read_line(ours, _ANSWERS_WITHIN_S)
        except BaseException:
            ours.close()
            raise
        if "pid" in answer:
            return SpawnedProcess(ours, answer["pid"])
        ours.close()
        if answer.get("error") == OUT_OF_FILES:
            raise out_of_files_error()
        program = Path(request["argv"][0]).name
        raise TransientError(Reason.INTERNAL_ERROR, f"{program} could not be started: {answer.get('error')}")

    def _ensure(self) -> socket.socket:
        with self._lock:
            if self._channel is None or self._process is None or self._process.poll() is not None:
                self._channel, self._process = _start_spawner(self.parts)
            return self._channel


def _start_spawner(parts: SandboxParts) -> tuple[socket.socket, "subprocess.Popen[bytes]"]:
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-S",
                    "-c",
                    _PROGRAM,
                    _ROOT,
                    str(parts.landlock_abi),
                    str(int(parts.has_seccomp)),
                ],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # Out of reach of the terminal's signals: those who wait for a decoder end it.
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
    return ours, process


_spawner: Spawner | None = None
_spawner_lock = threading.Lock()


def shared_spawner() -> Spawner:
    """The spawner of the calling process; a forked child gets one of its own."""
    global _spawner  # noqa: PLW0603 - one per process is the point
    with _spawner_lock:
        if _spawner is None or _spawner.owner_pid != os.getpid():
            _spawner = Spawner()
        return _spawner
