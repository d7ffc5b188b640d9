"""Keeps the embedded broker's server as its child, and stops it when the last user is gone.

Run as a program of its own, by path, with the standard library alone, so that it starts at once. It lives in
a session of its own and holds no lock but its own two: that it lives, and later that nobody uses the broker.
"""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

# Longer than the server needs to read its file back, shorter than its starter waits.
START_LIMIT_S = 20.0
STOP_LIMIT_S = 10.0
LOOK_S = 0.1
# Of a longer last line only the end is told.
LAST_LINE_BYTES = 8192
READY = "ready"

WATCHDOG_LOCK = "watchdog.lock"
USERS_LOCK = "users.lock"
SERVER_LOG = "server.log"

_PR_SET_PDEATHSIG = 1


class _ToldToEndError(Exception):
    """The machine wants us to go."""


def main(server: str, state_directory: str, socket_path: str) -> int:
    """Runs the server until nobody uses it; prints `ready` as soon as it answers."""
    try:
        os.chdir(state_directory)
        alive = os.open(WATCHDOG_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process = _start_server(server, socket_path) or _start_server_afresh(server, socket_path)
    except OSError as error:
        sys.stderr.write(f"{error.strerror}: {error.filename or state_directory}\n")
        return 1
    if process is None:
        sys.stderr.write(f"{_last_words()}\n")
        return 1
    try:
        signal.signal(signal.SIGTERM, _end)
        os.write(1, READY.encode() + b"\n")
        _let_go_of_starter()
        # Otherwise the directory of the socket stays: those who still use it start a server there again.
        if _is_left_by_its_users(process):
            shutil.rmtree(Path(socket_path).parent, ignore_errors=True)
    except _ToldToEndError:
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _stop(process)
    return 0


def server_config(socket_path: str) -> str:
    """The server's configuration; its files lie in its working directory."""
    return "\n".join(
        (
            "port 0",
            f'unixsocket "{socket_path}"',
            "unixsocketperm 700",
            "daemonize no",
            "databases 1",
            # The queue outlives the server; a snapshot beside it would only cost a second copy.
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            # The least that it takes; a message has a thousand bytes.
            "proto-max-bulk-len 1mb",
            "loglevel warning",
            "",
        )
    )


def answers(socket_path: str, *, timeout_s: float = 2.0) -> bool:
    """Whether a server answers at the socket and has read its file back."""
    return _say(socket_path, b"PING", timeout_s=timeout_s).startswith(b"+PONG")


def shut_down(socket_path: str) -> None:
    """Asks the server at the socket to end, and waits until it has closed the connection."""
    _say(socket_path, b"SHUTDOWN NOSAVE", timeout_s=STOP_LIMIT_S)


def _say(socket_path: str, command: bytes, *, timeout_s: float) -> bytes:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(socket_path)
            connection.sendall(command + b"\r\n")
            return connection.recv(64)
    except OSError:
        return b""


def _start_server_afresh(server: str, socket_path: str) -> subprocess.Popen[bytes] | None:
    """Starts it with an empty queue, in case a damaged file kept it from starting: SQL is the truth."""
    shutil.rmtree("appendonlydir", ignore_errors=True)
    return _start_server(server, socket_path)


def _start_server(server: str, socket_path: str) -> subprocess.Popen[bytes] | None:
    """The server as soon as it answers, None when it does not."""
    Path(socket_path).unlink(missing_ok=True)
    with Path(SERVER_LOG).open("wb") as log:
        process = subprocess.Popen(
            [server, "-"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Safe here: this process has one thread, and the function only asks the kernel.
            preexec_fn=end_with_parent(signal.SIGKILL),  # noqa: PLW1509 - see above
        )
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(server_config(socket_path).encode())
    deadline_s = time.monotonic() + START_LIMIT_S
    while not answers(socket_path):
        if process.poll() is not None or time.monotonic() > deadline_s:
            _stop(process)
            return None
        time.sleep(0.01)
    return process


def _let_go_of_starter() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def end_with_parent(number: signal.Signals) -> Callable[[], None]:
    """A function for the child between fork and exec: it gets this signal as soon as its parent is gone.

    On Linux alone. Elsewhere the next user of the broker finds the server without its watchdog, and ends it.
    """
    parent = os.getpid()
    set_option = getattr(ctypes.CDLL(None), "prctl", None)

    def request() -> None:
        if set_option is not None:
            set_option(_PR_SET_PDEATHSIG, number)
            if os.getppid() != parent:
                os.kill(os.getpid(), number)

    return request


def last_line(path: Path) -> str | None:
    """The last line of a log, from its end alone however long it is; None where it has none.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - LAST_LINE_BYTES))
        lines = log.read(LAST_LINE_BYTES).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else None


def _last_words() -> str:
    return last_line(Path(SERVER_LOG)) or "the server ended without a word"


def _is_left_by_its_users(process: subprocess.Popen[bytes]) -> bool:
    """Waits until nobody uses the server, and keeps others out from then on; False as soon as it has ended.

    It looks again and again, as a signal that comes just before a call that waits does not end the wait.
    """
    users = os.open(USERS_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while process.poll() is None:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(LOOK_S)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise _ToldToEndError


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
