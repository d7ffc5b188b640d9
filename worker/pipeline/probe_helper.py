"""Keeps one probing process per worker: started when first needed, replaced when it dies or takes too long."""

import contextlib
import json
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from worker.pipeline.errors import Reason, TransientError, UnreadableVideoError
from worker.pipeline.formats import PROBE_FORMAT_WHITELIST, PROTOCOLS
from worker.pipeline.limits import Limits
from worker.pipeline.locking_in import REFUSED_STATUS
from worker.pipeline.open_files import is_out_of_files, named_when_out, out_of_files_error
from worker.pipeline.probe_answer import MalformedAnswerError, read_answer, read_gathered
from worker.pipeline.spawning import SpawnedProcess, shared_spawner

_ROOT = str(Path(__file__).resolve().parents[2])
# PyAV is found where this Python has it, and our own modules where this one lies.
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from worker.pipeline.probe_process import main; main()"
_STARTUP_S = 30.0
"""A cold start reads the libraries from disk."""
MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""The longest list of keyframes takes a twentieth of it: whoever says more is no longer our program."""
PIECE_BYTES = 1024 * 1024


class _OverdueError(Exception):
    """The helper did not answer in time."""


class ProbeHelper:
    """One probing process and the channel to it; safe to share between threads, useless after a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: SpawnedProcess | None = None
        self._channel: socket.socket | None = None
        self._bounds: tuple[int, bool] | None = None
        self.owner_pid = os.getpid()

    def ask(self, descriptor: int, *, limits: Limits, has_cues: bool) -> dict[str, Any]:
        """What the headers and the index of an open file say.

        Args:
            descriptor: of the file, at its start.
            limits: on time, memory and streams.
            has_cues: whether a Matroska file's index is in place.

        Raises:
            UnreadableVideoError: the process died of this file, took longer than `probe_time_limit_s`, or gave an
                answer that our program does not give.
            TransientError: the process could not be started, or the file not be handed to it.
        """
        request = {"has_cues": has_cues}
        with self._lock:
            try:
                return self._ask_twice(descriptor, limits, request)
            except _OverdueError:
                self._stop()
                detail = f"its headers could not be read within {limits.probe_time_limit_s:g} s"
                raise UnreadableVideoError(Reason.TIME_LIMIT, detail) from None
            except MalformedAnswerError as error:
                # Whatever answers is no longer our program, and shall describe no other file.
                self._stop()
                detail = f"the process that read its headers gave no answer of ours, twice: {error}"
                raise UnreadableVideoError(Reason.NOT_A_VIDEO, detail) from None
            except (OSError, EOFError) as error:
                if is_out_of_files(error):
                    raise out_of_files_error() from error
                status = self._stop()
                detail = f"reading its headers ended the probing process twice (status {status})"
                raise UnreadableVideoError(Reason.NOT_A_VIDEO, detail) from None

    def gather(
        self, descriptor: int, target: int, *, stream_index: int, targets_s: Sequence[float], limits: Limits
    ) -> tuple[float, ...]:
        """Writes a small video of the keyframes at or before some times into `target`.

        Args:
            descriptor: of the file, at its start.
            target: a descriptor of an empty file.
            stream_index: of the video stream, as ffmpeg counts.
            targets_s: rising, by the container's clock.
            limits: on time and memory.

        Returns:
            The presentation times of those that are in it, rising, by the container's clock; none where that failed,
            in whatever way: there are other ways to reach the pictures.

        Raises:
            TransientError: the process could not be started.
        """
        request = {"stream_index": stream_index, "targets_s": list(targets_s)}
        with self._lock:
            try:
                times_s = read_gathered(self._ask_once(descriptor, limits, request, target=target)).times_s
            except (_OverdueError, OSError, EOFError, MalformedAnswerError):
                self._stop()
                return ()
        return times_s[: len(targets_s)]

    def require_working(self, *, limits: Limits) -> None:
        """Start it, unless it runs.

        Raises:
            TransientError: it does not start; `detail` says why.
        """
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                with named_when_out():
                    self._start(limits)

    def close(self) -> None:
        """End the process; the next question starts another."""
        with self._lock:
            self._stop()

    def _ask_twice(self, descriptor: int, limits: Limits, request: Mapping[str, Any]) -> dict[str, Any]:
        # Once more with a fresh process: the first may have been killed for a reason that is not this file's.
        with contextlib.suppress(OSError, EOFError, MalformedAnswerError):
            return read_answer(self._ask_once(descriptor, limits, request))
        self._stop()
        os.lseek(descriptor, 0, os.SEEK_SET)
        return read_answer(self._ask_once(descriptor, limits, request))

    def _ask_once(
        self, descriptor: int, limits: Limits, request: Mapping[str, Any], *, target: int | None = None
    ) -> bytes:
        is_fit = self._bounds == _bounds_of(limits)
        if self._process is None or self._process.poll() is not None or not is_fit:
            self._start(limits)
        deadline = time.monotonic() + limits.probe_time_limit_s
        try:
            return self._exchange(descriptor, limits, request, target, deadline=deadline)
        except TimeoutError as error:
            # A TimeoutError is an OSError: it must not be taken for a death, which is given a second try.
            raise _OverdueError from error
        except (OSError, EOFError, MalformedAnswerError):
            # Whoever asked looks at how it ended, and then stops it.
            raise
        except BaseException:
            # Its answer, when it comes, must not be taken for the next file's.
            self._stop()
            raise

    def _start(self, limits: Limits) -> None:
        self._stop()
        self._bounds = _bounds_of(limits)
        ours, theirs = socket.socketpair()
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        memory_bytes, is_confined = self._bounds
        parts = shared_spawner().parts
        numbers = (memory_bytes, int(is_confined), parts.landlock_abi, int(parts.has_seccomp))
        command = [sys.executable, "-I", "-c", _PROGRAM, _ROOT, *map(str, numbers)]
        try:
            # Not confined from the start: it locks itself in, more tightly, when it has loaded its libraries.
            descriptors = [theirs.fileno(), nothing, nothing]
            self._process = shared_spawner().start(command, descriptors=descriptors, is_confined=False)
        except TransientError:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(nothing)
        ours.settimeout(0)
        self._channel = ours
        try:
            _receive(ours, 1, time.monotonic() + _STARTUP_S)
        except (OSError, EOFError) as error:
            status = self._stop()
            why = "its sandbox was refused" if status == REFUSED_STATUS else f"status {status}"
            detail = f"the probing process does not start ({why}): see `fakesweep doctor`"
            raise TransientError(Reason.INTERNAL_ERROR, detail) from error

    def _exchange(
        self, descriptor: int, limits: Limits, request: Mapping[str, Any], target: int | None, *, deadline: float
    ) -> bytes:
        channel = self._channel
        if channel is None:
            raise EOFError
        if _has_more_to_say(channel):
            # An answer before the question would be taken for this file's.
            raise MalformedAnswerError("it came before the question")
        bounds = {"max_streams": limits.max_streams, "protocols": PROTOCOLS, "formats": PROBE_FORMAT_WHITELIST}
        body = json.dumps({**bounds, **request}).encode()
        socket.send_fds(channel, [len(body).to_bytes(4, "big") + body], [descriptor])
        length = int.from_bytes(_receive(channel, 4, deadline), "big")
        if length > MAX_ANSWER_BYTES:
            raise MalformedAnswerError(f"it is longer than {MAX_ANSWER_BYTES} bytes")
        answer = _receive(channel, length, deadline)
        if target is not None:
            size = read_gathered(answer).size_bytes
            for piece in _pieces(channel, size, deadline):
                _write_all(target, piece)
        return answer

    def _stop(self) -> int | None:
        process, self._process = self._process, None
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
        if process is None:
            return None
        return process.kill()


def _bounds_of(limits: Limits) -> tuple[int, bool]:
    return limits.probe_memory_bytes, limits.is_confined


def _has_more_to_say(channel: socket.socket) -> bool:
    try:
        return bool(channel.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


def _receive(channel: socket.socket, size: int, deadline: float) -> bytes:
    return b"".join(_pieces(channel, size, deadline))


def _write_all(target: int, piece: bytes) -> None:
    with memoryview(piece) as rest:
        written = 0
        while written < len(piece):
            written += os.write(target, rest[written:])


def _pieces(channel: socket.socket, size: int, deadline: float) -> Iterator[bytes]:
    # Not `select`: it knows no descriptor above 1023.
    poller = select.poll()
    poller.register(channel, select.POLLIN | select.POLLHUP)
    while size > 0:
        remaining_s = deadline - time.monotonic()
        if remaining_s <= 0 or not poller.poll(1000 * remaining_s):
            raise TimeoutError
        piece = channel.recv(min(size, PIECE_BYTES))
        if not piece:
            raise EOFError
        size -= len(piece)
        yield piece


_helper: ProbeHelper | None = None
_helper_lock = threading.Lock()


def shared_helper() -> ProbeHelper:
    """The helper of the calling process; a forked child gets one of its own."""
    global _helper  # noqa: PLW0603 - one per process is the point
    with _helper_lock:
        if _helper is None or _helper.owner_pid != os.getpid():
            _helper = ProbeHelper()
        return _helper
