"""No connection holds the server up: slow, silent, endless and unread ones are ended, and good ones are answered."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from tests.services import wait_until
from web import connections
from web.connections import server_config

LONG_S = 30.0
GOOD = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
PART = b"x" * 65_536


class Echo:
    """An application that counts a body, or sends without end; it notes which requests are under way."""

    def __init__(self) -> None:
        self.under_way: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        self.under_way.add(scope["path"])
        try:
            size, is_more = 0, True
            while is_more:
                message = await receive()
                size += len(message.get("body", b""))
                is_more = message.get("more_body", False)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while scope["path"] == "/endless" and (await _is_there(receive, send)):
                pass
            await send({"type": "http.response.body", "body": f"got {size}".encode()})
        finally:
            self.under_way.discard(scope["path"])


async def _is_there(receive: Receive, send: Send) -> bool:
    await send({"type": "http.response.body", "body": PART, "more_body": True})
    # Uvicorn drops what goes to a client that left, without a word.
    try:
        async with asyncio.timeout(0.01):
            return (await receive())["type"] != "http.disconnect"
    except TimeoutError:
        return True


@pytest.fixture
def echo() -> Echo:
    """The application."""
    return Echo()


@pytest.fixture
def port(echo: Echo) -> Iterator[int]:
    """Where it is served, as `fakesweep serve` serves."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(server_config(echo, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        wait_until(lambda: server.started, timeout_s=LONG_S, what="the server")
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(LONG_S)


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """A connection that waits long, and no longer."""
    with socket.create_connection(("127.0.0.1", port), timeout=LONG_S) as connection:
        yield connection


def ask(port: int) -> bytes:
    """The status line that a good client gets."""
    with connected(port) as connection:
        connection.sendall(GOOD)
        return connection.recv(12)


def read_to_end(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def test_slow_heads_are_ended(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends a head byte by byte without end keeps nobody from being answered, and is let go after its time."""
    monkeypatch.setattr(connections, "HEAD_WITHIN_S", 2.0)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connected(port)) for _ in range(50)]
        for connection in slow:
            connection.sendall(b"GET / HTTP/1.1\r\nX-Slow: a")
        answered = ask(port)
        ended = [_drip(connection) for connection in slow]

    assert answered == b"HTTP/1.1 200"
    assert {answer[:12] for answer in ended} <= {b"HTTP/1.1 408", b""}
    assert ask(port) == b"HTTP/1.1 200"


def _drip(connection: socket.socket) -> bytes:
    """Goes on byte by byte until the server has enough of it; what it said."""
    connection.settimeout(0.05)
    ends_at = time.monotonic() + LONG_S
    while time.monotonic() < ends_at:
        try:
            connection.sendall(b"a")
            return connection.recv(1000)
        except TimeoutError:
            continue
        except OSError:
            return b""
    pytest.fail("the server waits for ever")


def test_a_connection_that_says_nothing_is_ended(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither before its first request nor after blank lines behind it."""
    monkeypatch.setattr(connections, "HEAD_WITHIN_S", 0.5)
    with connected(port) as silent, connected(port) as blank:
        blank.sendall(GOOD)
        assert blank.recv(12) == b"HTTP/1.1 200"
        blank.sendall(b"\r\n")

        assert read_to_end(silent).startswith(b"HTTP/1.1 408")
        assert b"HTTP/1.1 408" in read_to_end(blank)


@pytest.mark.parametrize(
    "head",
    [
        b"X-Long: " + b"a" * 1_000_000,
        b"X: a\r\n" * 100_000,
        b"X-Many: " + b"b" * 30_000 + b"\r\nX-More: " + b"b" * 40_000,
    ],
    ids=["one endless", "many", "two large"],
)
def test_a_head_that_is_too_long_is_refused(port: int, echo: Echo, head: bytes) -> None:
    """Its memory is bounded, whichever way it grows, and the application never sees it."""
    with connected(port) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(b"GET /long HTTP/1.1\r\n" + head + b"\r\n\r\n")
        answer = read_to_end(connection)

    assert answer[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 400", b"")
    assert echo.under_way == set()


def test_heads_of_browsers_pass(port: int) -> None:
    """Cookies and long addresses of ordinary size are no attack."""
    with connected(port) as connection:
        connection.sendall(b"GET /" + b"a" * 8000 + b" HTTP/1.1\r\nHost: a\r\nCookie: " + b"c" * 16_000 + b"\r\n\r\n")

        assert connection.recv(12) == b"HTTP/1.1 200"


def test_a_body_that_stops_is_ended(port: int, echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was announced and does not come is not waited for for ever."""
    monkeypatch.setattr(connections, "SILENCE_S", 0.5)
    with connected(port) as connection:
        connection.sendall(b"POST /stops HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome")

        assert b"got" not in read_to_end(connection)
    wait_until(lambda: not echo.under_way, timeout_s=LONG_S, what="the end of the request")


def test_a_slow_upload_arrives(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as something comes, it takes as long as it takes, and the connection serves for more."""
    monkeypatch.setattr(connections, "SILENCE_S", 2.0)
    monkeypatch.setattr(connections, "HEAD_WITHIN_S", 1.0)
    with connected(port) as connection:
        for size in (30, 1):
            connection.sendall(f"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode())
            for _ in range(size):
                time.sleep(0.1)
                connection.sendall(b"x")
            answer = b""
            while f"got {size}".encode() not in answer:
                answer += connection.recv(1000)


def test_who_does_not_read_is_let_go(port: int, echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent to it piles up nowhere, and what makes it ends."""
    monkeypatch.setattr(connections, "UNREAD_S", 0.5)
    with connected(port) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: "/endless" in echo.under_way, timeout_s=LONG_S, what="the request")
        wait_until(lambda: not echo.under_way, timeout_s=LONG_S, what="the end of the request")


def test_the_oldest_that_waits_makes_room(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many connections wait for their heads, the next one is served at once."""
    monkeypatch.setattr(connections, "_MOST_WAITING", 5)
    monkeypatch.setattr(connections, "_FAIR_S", 0.0)
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(connected(port)) for _ in range(8)]
        for connection in waiting:
            with contextlib.suppress(OSError):
                connection.sendall(b"GET / HT")
        answered = ask(port)
        first = read_to_end(waiting[0])
        waiting[-1].sendall(b"TP/1.1\r\nHost: a\r\n\r\n")
        last = waiting[-1].recv(12)

    assert answered == b"HTTP/1.1 200"
    assert first == b""
    assert last == b"HTTP/1.1 200"
