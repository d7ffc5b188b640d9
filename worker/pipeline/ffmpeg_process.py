"""Runs one ffmpeg under limits, and leaves nothing of it behind."""

import contextlib
import fcntl
import os
import resource
import select
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Self

from worker.pipeline.errors import Reason, ScanStoppedError, TransientError, UnreadableVideoError
from worker.pipeline.limits import Limits

STDERR_TAIL_LINES = 40
STDERR_LINE_BYTES = 400
POLL_S = 0.25
"""How often a waiting reader looks for a stop."""
PIPE_BYTES = 1024 * 1024
CPU_SECONDS_PER_THREAD = 2.0
"""CPU allowed per second of the wall-clock limit: the decoder's threads and ffmpeg's own."""


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
        pass_fds: descriptors that it inherits under the same numbers.
        limits: of memory and time.
        watch: what its readers obey.
    """

    def __init__(self, command: Sequence[str], *, pass_fds: Sequence[int], limits: Limits, watch: Watch) -> None:
        self.watch = watch
        self._tail: deque[bytes] = deque(maxlen=STDERR_TAIL_LINES)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=pass_fds,
                # A group of its own, so that it can be killed whole.
                start_new_session=True,
                bufsize=0,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                cwd="/",
            )
        except OSError as error:
            detail = f"ffmpeg could not be started: {error.strerror}"
            raise TransientError(Reason.INTERNAL_ERROR, detail) from error
        limit_process(self._process.pid, limits, wall_s=max(1.0, watch.deadline - time.monotonic()))
        self._drain = threading.Thread(target=self._drain_stderr, daemon=True)
        self._drain.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def stdout_fd(self) -> int:
        """Descriptor to read the output from."""
        stream = self._process.stdout
        if stream is None:
            raise ValueError("ffmpeg's output is closed")
        return stream.fileno()

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
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self._process.wait(POLL_S)
                self._drain.join(POLL_S)
                return status

    def kill(self) -> None:
        """End it with its group, reap it, close its pipes; harmless when it has ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._drain.join()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    @property
    def stderr_tail(self) -> str:
        """Its last lines on standard error, each cut to a bounded length."""
        return b"\n".join(self._tail).decode("utf-8", "replace")

    def _drain_stderr(self) -> None:
        stream = self._process.stderr
        while stream is not None:
            line = stream.readline(STDERR_LINE_BYTES)
            if not line:
                return
            self._tail.append(line.rstrip())


def limit_process(pid: int, limits: Limits, *, wall_s: float) -> None:
    """Bound a child's memory, CPU, files and core dumps, where the platform can do that from outside."""
    if not hasattr(resource, "prlimit"):
        return
    cpu_s = int(wall_s * (limits.decoder_threads + CPU_SECONDS_PER_THREAD)) + 1
    bounds = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_DATA: limits.memory_bytes,
        resource.RLIMIT_CPU: cpu_s,
        # It writes to pipes alone.
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for bound, value in bounds.items():
        with contextlib.suppress(ProcessLookupError, PermissionError, ValueError):
            resource.prlimit(pid, bound, (value, value))


def widen_pipe(descriptor: int) -> None:
    """Let a pipe hold more, where the platform allows: fewer turns between the two processes."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
