"""A loopback HTTP server that answers as a test tells it to, also wrongly: late, cut off, without end."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Call:
    """A request as it came, the names of its headers in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What the server does with a request.

    Args:
        claimed: the length that the headers claim, where it is not the body's.
        pause_s: waited before each byte of the body, or of the headers.
        is_headerless: the headers come as slowly as the body.
        is_dropped: the connection ends without an answer.
        has_length: whether the headers say how long the body is.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    claimed: int | None = None
    pause_s: float = 0.0
    is_headerless: bool = False
    is_dropped: bool = False
    has_length: bool = True


class LoopbackServer:
    """Runs while it is a context; remembers every request.

    Args:
        answer: what to do with each.
        certificate: a PEM file with a certificate and its key, for a server behind TLS.
    """

    def __init__(self, answer: Callable[[Call], Reply], *, certificate: Path | None = None) -> None:
        self.calls: list[Call] = []
        self._answer = answer
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._serve(self)

            def do_POST(self) -> None:
                server._serve(self)

            def log_message(self, *args: Any) -> None:
                """Tests are quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        if certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
            # Each handshake is left to the thread of its connection.
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.port: int = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "LoopbackServer":
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        call = Call(
            handler.command, handler.path, {name.lower(): value for name, value in handler.headers.items()}, body
        )
        self.calls.append(call)
        reply = self._answer(call)
        handler.close_connection = True
        if reply.is_dropped:
            return
        try:
            _send(handler, reply)
        except OSError:
            # Whoever asked has hung up, which is what some tests are about.
            return


@contextmanager
def serving(routes: Mapping[str, Reply]) -> Iterator[LoopbackServer]:
    """A server that has one reply for each path, and 404 for all others."""
    with LoopbackServer(lambda call: routes.get(call.path, Reply(404))) as server:
        yield server


def _send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    if reply.is_headerless:
        _trickle(handler, b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000, reply.pause_s)
        return
    handler.send_response(reply.status)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    if reply.has_length:
        handler.send_header("Content-Length", str(len(reply.body) if reply.claimed is None else reply.claimed))
    handler.send_header("Connection", "close")
    handler.end_headers()
    if reply.pause_s:
        _trickle(handler, reply.body, reply.pause_s)
    else:
        handler.wfile.write(reply.body)


def _trickle(handler: BaseHTTPRequestHandler, content: bytes, pause_s: float) -> None:
    for place in range(len(content)):
        handler.wfile.write(content[place : place + 1])
        handler.wfile.flush()
        time.sleep(pause_s)
