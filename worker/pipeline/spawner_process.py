"""The process that starts decoders and header readers for one worker process, and ends them when it dies.

It has one thread, so what it starts can be locked in between fork and exec, and can be bound to its own life; a worker
has many threads, and can do neither safely. Its descriptor 0 is a socket: each byte that arrives carries a leash, a
socket of one process to be, and the descriptors that this process gets as 0, 1, 2 and so on. The leash then carries the
request (four bytes of length, JSON), and back one line when the process runs and one when it has ended. Whoever lets go
of a leash kills.
"""

import contextlib
import gc
import json
import os
import resource
import selectors
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

from worker.pipeline.becoming import OUT_OF_FILES, become_program, complaint_about, spare
from worker.pipeline.locking_in import decoder_filter, rules_for
from worker.pipeline.seccomp import Filter

MAX_DESCRIPTORS = 8
_LOOK_AFTER_PARENT_S = 0.5
# The kernel, short of memory, ends a decoder before the worker that waits for it.
_OUT_OF_MEMORY_ORDER = b"500"


def main() -> None:
    """Serves until the worker's end of the socket, or the worker itself, is gone."""
    parent = os.getppid()
    channel = socket.socket(fileno=spare(0))
    os.chdir("/")
    # Caught, not ignored as Python does: what is caught is back to normal in a program that is started.
    signal.signal(signal.SIGPIPE, lambda *_: None)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb", buffering=0) as file:  # noqa: PTH123
        file.write(_OUT_OF_MEMORY_ORDER)
    landlock_abi, has_seccomp = map(int, sys.argv[2:4])
    Spawner(channel, parent, landlock_abi=landlock_abi, has_seccomp=bool(has_seccomp)).serve()


class Spawner:
    """Starts, watches and ends processes.

    Args:
        channel: where leashes arrive.
        parent: the process that it must not outlive.
        landlock_abi: the kernel's version of Landlock, 0 for none.
        has_seccomp: whether system calls can be filtered.
    """

    def __init__(self, channel: socket.socket, parent: int, *, landlock_abi: int, has_seccomp: bool) -> None:
        self._channel = channel
        self._parent = parent
        self._landlock_abi = landlock_abi
        self._calls = decoder_filter() if has_seccomp else None
        self._driving_calls = decoder_filter(may_drive=True) if has_seccomp else None
        self._rulesets: dict[tuple[object, ...], int | None] = {}
        self._leashes: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Until nobody is left to serve; then everything that was started is killed."""
        self._selector.register(self._channel, selectors.EVENT_READ, self._take_request)
        self._selector.register(_child_signals(), selectors.EVENT_READ, self._reap)
        with contextlib.suppress(OSError, AttributeError):
            self._selector.register(os.pidfd_open(self._parent), selectors.EVENT_READ, self._end)
        # A collection of garbage would touch, and so copy, every page that a child shares.
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            while os.getppid() == self._parent:
                for key, _ in self._selector.select(_LOOK_AFTER_PARENT_S):
                    key.data(key.fileobj)
        finally:
            self._kill_all()

    def _take_request(self, channel: socket.socket) -> None:
        byte, descriptors, flags, _ = socket.recv_fds(channel, 1, MAX_DESCRIPTORS + 1)
        if not byte:
            self._end()
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)  # noqa: FBT003 - the standard library's signature
        if not descriptors:
            return
        leash = socket.socket(fileno=descriptors[0])
        try:
            request = _read_request(leash)
            if flags & socket.MSG_CTRUNC:
                # The kernel kept back what we may not open.
                _answer(leash, {"error": OUT_OF_FILES})
            elif request is not None:
                self._start(request, leash, descriptors[1:])
        except (OSError, ValueError, KeyError, TypeError) as error:
            _answer(leash, {"error": complaint_about(error)})
        finally:
            for descriptor in descriptors[1:]:
                os.close(descriptor)
        if leash not in self._leashes.values():
            leash.close()

    def _start(self, request: dict[str, Any], leash: socket.socket, descriptors: list[int]) -> None:
        with contextlib.ExitStack() as made:
            said, pid = self._fork(request, self._confinement_of(request, made), descriptors)
        if said:
            os.waitpid(pid, 0)
            _answer(leash, {"error": said.decode("utf-8", "replace")})
            return
        self._leashes[pid] = leash
        self._selector.register(leash, selectors.EVENT_READ, lambda _: self._kill(pid))
        _answer(leash, {"pid": pid})

    def _fork(
        self, request: dict[str, Any], confinement: tuple[int | None, Filter | None] | None, descriptors: list[int]
    ) -> tuple[bytes, int]:
        """The child's complaint, empty once the program runs in its place, and its number."""
        complaint, child_complaint = os.pipe()
        spawner = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            # No more processes now; others will be asked for.
            os.close(complaint)
            os.close(child_complaint)
            raise
        if pid == 0:
            become_program(request, descriptors, confinement, child_complaint, spawner)
        os.close(child_complaint)
        # The pipe's other end closes with the exec.
        with open(complaint, "rb") as pipe:  # noqa: PTH123 - a descriptor
            return pipe.read(), pid

    def _confinement_of(
        self, request: dict[str, Any], made: contextlib.ExitStack
    ) -> tuple[int | None, Filter | None] | None:
        """Rules and filter of what is asked for, None where it goes free; `made` closes rules of this start alone."""
        readable, hardware = request["readable"], request["hardware"]
        if readable is None:
            return None
        if hardware is None:
            return self._ruleset_for(request["generation"], readable), self._calls
        ruleset = rules_for(self._landlock_abi, [*readable, *hardware["readable"]], hardware["devices"])
        if ruleset is not None:
            made.callback(os.close, ruleset)
        return ruleset, self._driving_calls

    def _ruleset_for(self, generation: int, readable: list[str]) -> int | None:
        """Made once: the rules hold on to the files themselves, so a replaced file needs a new generation."""
        key = (generation, *readable)
        if key not in self._rulesets:
            self._rulesets[key] = rules_for(self._landlock_abi, readable)
        return self._rulesets[key]

    def _kill(self, pid: int) -> None:
        """The leash was let go: what is on it dies, and is reaped as any other."""
        leash = self._leashes.get(pid)
        if leash is None:
            # It ended meanwhile.
            return
        self._selector.unregister(leash)
        with contextlib.suppress(ProcessLookupError):
            # It leads a group of its own, and cannot be a stranger: its number is free only after it was reaped.
            os.killpg(pid, signal.SIGKILL)

    def _reap(self, signals: int) -> None:
        os.read(signals, 4096)
        for pid, status, usage in _ended():
            leash = self._leashes.pop(pid, None)
            if leash is None:
                continue
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(leash)
            memory_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            _answer(leash, {"status": os.waitstatus_to_exitcode(status), "memory_bytes": memory_bytes})
            leash.close()

    def _end(self, _: object = None) -> NoReturn:
        self._kill_all()
        os._exit(0)

    def _kill_all(self) -> None:
        for pid in self._leashes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def _child_signals() -> int:
    """A descriptor that becomes readable when a child has ended."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return read_end


def _ended() -> Iterator[tuple[int, int, resource.struct_rusage]]:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            yield pid, status, usage


def _read_request(leash: socket.socket) -> dict[str, Any] | None:
    """The request, None where its sender went away before it was whole."""
    with leash.makefile("rb") as stream:
        length = stream.read(4)
        body = stream.read(int.from_bytes(length, "big"))
    if len(length) < 4 or len(body) < int.from_bytes(length, "big"):
        return None
    request: dict[str, Any] = json.loads(body)
    return request


def _answer(leash: socket.socket, answer: dict[str, Any]) -> None:
    # Whoever let go of the leash wants no answer.
    with contextlib.suppress(OSError):
        leash.sendall(json.dumps(answer).encode() + b"\n")
