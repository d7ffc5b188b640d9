"""Runs one ffmpeg under limits, and leaves nothing of it behind."""

import contextlib
import fcntl
import os
import resource
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Self

from worker.pipeline.errors import Reason, ScanStoppedError, TransientError, UnreadableVideoError
from worker.pipeline.hardware import reach_of, variables_of_drivers
from worker.pipeline.limits import Limits
from worker.pipeline.open_files import is_out_of_files, lowered_open_files, out_of_files_error
from worker.pipeline.spawning import Bound, SpawnedProcess, shared_spawner

STDERR_TAIL_LINES = 40
STDERR_LINE_BYTES = 400
POLL_S = 0.25
"""How often a waiting reader looks for a stop."""
PIPE_BYTES = 1024 * 1024
CPU_SECONDS_PER_THREAD = 2.0
"""CPU allowed per second of the wall-clock limit: the decoder's threads and ffmpeg's own."""
CPU_GRACE_S = 5
DESCRIPTORS = 64
HARDWARE_DESCRIPTORS = 256
"""A driver opens its devices many times over."""
DRAIN_S = 2.0

_said: deque[bytes] = deque(maxlen=STDERR_TAIL_LINES)


class Watch:
    """The deadline and the stop request that every wait obeys.

    Args:
        deadline: by `time.monotonic()`.
        should_stop: asked while waiting.
    """

    def __init__(self, deadline: float, should_stop: Callable[[], bool]) -> None:
        self.deadline = deadline
        self._should_stop = should_stop
        self._started = time.monotonic()

    def check(self) -> None:
        """Raise where time is up or a stop was asked for."""
        if self._should_stop():
            raise ScanStoppedError("the scan was asked to stop while decoding")
        if time.monotonic() >= self.deadline:
            elapsed_s = time.monotonic() - self._started
            raise UnreadableVideoError(Reason.TIME_LIMIT, f"it was not decoded after {elapsed_s:.0f} s")

    def until(self, deadline: float) -> "Watch":
        """The same with a deadline that is no later."""
        return Watch(min(deadline, self.deadline), self._should_stop)

    def wait_readable(self, descriptor: int) -> None:
        """Wait until there is something to read (or the end)."""
        poller = select.poll()
        poller.register(descriptor, select.POLLIN | select.POLLHUP)
        self.check()
        while not poller.poll(1000 * max(0.0, min(POLL_S, self.deadline - time.monotonic()))):
            self.check()


class FfmpegProcess:
    """A running ffmpeg: its standard output, its end, and its last words; a context manager that kills it on exit.

    Args:
        command: list of arguments; never a shell's.
        pass_fds: descriptors that it gets as 3, 4 and so on.
        limits: of memory and time.
        watch: what its readers obey.

    Raises:
        TransientError: it cannot be started.
    """

    def __init__(self, command: Sequence[str], *, pass_fds: Sequence[int], limits: Limits, watch: Watch) -> None:
        self.watch = watch
        self._tail: deque[bytes] = deque(maxlen=STDERR_TAIL_LINES)
        self._process, self.stdout_fd, stderr_fd = _start(command, pass_fds, limits, watch)
        self._drain = threading.Thread(target=self._drain_stderr, args=(stderr_fd,), daemon=True)
        try:
            self._drain.start()
        except BaseException as error:
            self._process.kill()
            os.close(self.stdout_fd)
            os.close(stderr_fd)
            if isinstance(error, RuntimeError):
                detail = "no thread could be started to read what ffmpeg says: allow more threads, or more memory"
                raise TransientError(Reason.MEMORY_LIMIT, detail) from error
            raise
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def read_some(self, buffer: memoryview) -> int:
        """Read what is there, at least one byte; 0 at the end."""
        self.watch.wait_readable(self.stdout_fd)
        return os.readv(self.stdout_fd, [buffer])

    def read_into(self, buffer: memoryview) -> int:
        """Fill `buffer` from the output; fewer bytes only at its end."""
        filled = 0
        while filled < len(buffer):
            count = self.read_some(buffer[filled:])
            if count == 0:
                break
            filled += count
        return filled

    def finish(self) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        while True:
            self.watch.check()
            status = self._process.wait(POLL_S)
            if status is not None:
                self._drain.join(POLL_S)
                return status

    def kill(self) -> None:
        """End it with its group, close its pipes; harmless when it has ended."""
        if self._is_closed:
            return
        self._is_closed = True
        self._process.kill()
        # Not for ever: a process that hangs in the kernel keeps its end open.
        self._drain.join(DRAIN_S)
        os.close(self.stdout_fd)

    @property
    def stderr_tail(self) -> str:
        """Its last lines on standard error, each cut to a bounded length."""
        # A copy first, as below.
        return b"\n".join(self._tail.copy()).decode("utf-8", "replace")

    def _drain_stderr(self, descriptor: int) -> None:
        with open(descriptor, "rb") as stream:
            while line := stream.readline(STDERR_LINE_BYTES):
                self._tail.append(line.rstrip())
                _said.append(line.rstrip())


def said_of_late() -> str:
    """The last lines that any ffmpeg of this process wrote on standard error, for evidence."""
    # A copy first: the threads that read go on.
    return b"\n".join(_said.copy()).decode("utf-8", "replace")


def forget_said() -> None:
    """From here on, what is said is about another video."""
    _said.clear()


def _start(
    command: Sequence[str], pass_fds: Sequence[int], limits: Limits, watch: Watch
) -> tuple[SpawnedProcess, int, int]:
    """The process, and our ends of its standard output and error."""
    with ExitStack() as theirs, ExitStack() as ours:
        try:
            nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            theirs.callback(os.close, nothing)
            stdout_fd, stderr_fd = (_open_pipe(ours, theirs) for _ in range(2))
        except OSError as error:
            if is_out_of_files(error):
                raise out_of_files_error() from error
            raise TransientError(Reason.INTERNAL_ERROR, f"ffmpeg could not be started: {error.strerror}") from error
        process = shared_spawner().start(
            command,
            descriptors=[nothing, stdout_fd[1], stderr_fd[1], *pass_fds],
            bounds=bounds_of(limits, wall_s=max(1.0, watch.deadline - time.monotonic())),
            environment={"PATH": os.defpath, "LC_ALL": "C"} | (variables_of_drivers() if limits.hwaccel else {}),
            is_confined=limits.is_confined,
            reach=reach_of(limits.hwaccel) if limits.hwaccel else None,
        )
        ours.pop_all()
    return process, stdout_fd[0], stderr_fd[0]


def _open_pipe(ours: ExitStack, theirs: ExitStack) -> tuple[int, int]:
    read_end, write_end = os.pipe()
    ours.callback(os.close, read_end)
    theirs.callback(os.close, write_end)
    return read_end, write_end


def bounds_of(limits: Limits, *, wall_s: float) -> list[Bound]:
    """The limits of a decoder's memory, processor time, files and core dumps.

    A GPU's driver sets aside more addresses than any machine has memory, so beside it only data is bounded.
    """
    cpu_s = int(wall_s * (limits.decoder_threads + CPU_SECONDS_PER_THREAD)) + 1
    memory = limits.memory_bytes
    descriptors = HARDWARE_DESCRIPTORS if limits.hwaccel else DESCRIPTORS
    return [
        *([] if limits.hwaccel else [(resource.RLIMIT_AS, memory, memory)]),
        (resource.RLIMIT_DATA, memory, memory),
        # SIGXCPU at the first, which says what happened; SIGKILL at the second.
        (resource.RLIMIT_CPU, cpu_s, cpu_s + CPU_GRACE_S),
        # It writes to pipes alone.
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_NOFILE, *lowered_open_files(descriptors)),
        (resource.RLIMIT_CORE, 0, 0),
    ]


def widen_pipe(descriptor: int) -> None:
    """Let a pipe hold more, where the platform allows: fewer turns between the two processes."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
