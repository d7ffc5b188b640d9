"""The leash of a process that another one started for us: its end is heard on it, and letting go kills."""

import contextlib
import json
import select
import socket
from collections import deque
from dataclasses import dataclass
from typing import Any

LOST_STATUS = -9
"""Given for a process whose end nobody could tell: whoever watched it was killed, and it with them."""

_DIES_WITHIN_S = 10.0
_ENDS_KEPT = 512


@dataclass(frozen=True)
class End:
    """How a started process ended.

    Args:
        status: its exit status, negative for a signal.
        memory_bytes: the most that it had resident, None where nobody could tell.
        was_wanted: whether we ended it.
    """

    status: int
    memory_bytes: int | None
    was_wanted: bool


_ends: deque[End] = deque(maxlen=_ENDS_KEPT)


class SpawnedProcess:
    """A process on a leash: it is killed when the leash is let go, by intent or by death of its holder.

    Args:
        leash: our end.
        pid: its number, for people.
    """

    def __init__(self, leash: socket.socket, pid: int) -> None:
        self.pid = pid
        self.memory_bytes: int | None = None
        """The most that it had resident, once it has ended."""
        self._leash = leash
        self._status: int | None = None
        self._is_let_go = False

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self.wait(0.0)

    def wait(self, timeout_s: float) -> int | None:
        """The exit status, None where it still runs after so many seconds."""
        if self._status is None:
            try:
                answer = read_line(self._leash, timeout_s)
            except TimeoutError:
                return None
            except OSError:
                answer = {}
            self._status = int(answer.get("status", LOST_STATUS))
            self.memory_bytes = answer.get("memory_bytes")
            self._leash.close()
            _ends.append(End(self._status, self.memory_bytes, self._is_let_go))
        return self._status

    def kill(self) -> int:
        """Ends it with its group and waits for that, but not for ever: a hanging disk can keep it; its status."""
        if self._status is None:
            self._is_let_go = True
            with contextlib.suppress(OSError):
                self._leash.shutdown(socket.SHUT_WR)
            if self.wait(_DIES_WITHIN_S) is None:
                self._status = LOST_STATUS
                self._leash.close()
        return LOST_STATUS if self._status is None else self._status


def take_ends() -> list[End]:
    """How the latest processes of this one ended, each told once."""
    taken = []
    while _ends:
        taken.append(_ends.popleft())
    return taken


def read_line(leash: socket.socket, timeout_s: float) -> dict[str, Any]:
    """The next line from a leash.

    Raises:
        TimeoutError: none came in time.
        ConnectionError: none will come.
    """
    # Not `select`: it knows no descriptor above 1023.
    poller = select.poll()
    poller.register(leash, select.POLLIN | select.POLLHUP)
    if not poller.poll(1000 * timeout_s):
        raise TimeoutError
    line = bytearray()
    while not line.endswith(b"\n"):
        # One at a time: the next line belongs to the next question.
        piece = leash.recv(1)
        if not piece:
            raise ConnectionResetError("the leash was let go")
        line += piece
    answer: dict[str, Any] = json.loads(line)
    return answer
