"""How connections are kept: none may hold the server up by being slow, silent or endless.

Uvicorn waits for ever for a request that was begun, and for a reader that reads no more. Here each is ended after a
while, and where many connections wait for their request, the oldest makes room.
"""

import asyncio
from http import HTTPStatus
from typing import Any, ClassVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT_BYTES = 64 * 1024
"""Of the first line and the headers together."""
HEAD_WITHIN_S = 10.0
"""From the first byte of a head, or from the connection, to the end of the head."""
SILENCE_S = 60.0
"""Without a byte of a body that was announced."""
UNREAD_S = 120.0
"""In which a client takes nothing of what is sent; a player that pauses asks for the rest when it goes on."""
KEEP_ALIVE_S = 15
"""Between requests; a proxy that keeps connections to us should let go of them sooner."""

# Browsers open few connections each; one of more is a mistake or an attack.
_MOST_CONNECTIONS = 1000
# Of these, so many may be without a request; who was there longest goes, if it had a second for its head.
_MOST_WAITING = 300
_FAIR_S = 1.0


def server_config(app: ASGIApp, **more: Any) -> uvicorn.Config:
    """How uvicorn serves an application of ours."""
    return uvicorn.Config(
        app,
        http=GuardedProtocol,
        # There are none, and their frames would pass no gate.
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=5,
        **more,
    )


class GuardedProtocol(HttpToolsProtocol):
    """A connection with deadlines."""

    # Those without a request, the oldest first, with the moment since when.
    _waiting: ClassVar["dict[GuardedProtocol, float]"] = {}

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head_bytes = 0
        self._is_head_open = False
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Lets somebody in, for whom another may have to go."""
        super().connection_made(transport)
        self._wait_for_head()
        self._make_room()
        self._set_deadline(HEAD_WITHIN_S, self._end_head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets a connection."""
        self._waiting.pop(self, None)
        self._clear_deadline()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a head or of a body."""
        was_open = self._is_head_open
        super().data_received(data)
        if self.transport.is_closing():
            return
        if was_open and self._is_head_open:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_LIMIT_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif not self._is_head_open and self._has_open_body():
            self._set_deadline(SILENCE_S, self._end_silence)
        if self in self._waiting and self._deadline is None:
            # Uvicorn's own timer ended with the first byte.
            self._set_deadline(HEAD_WITHIN_S, self._end_head)

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        self._head_bytes = 0
        self._is_head_open = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header.

        Raises:
            ValueError: there are too many; the parser refuses the request.
        """
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_LIMIT_BYTES:
            raise ValueError("the head is too long")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A request is there."""
        self._is_head_open = False
        self._waiting.pop(self, None)
        self._clear_deadline()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of a body is there."""
        self._clear_deadline()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Another request may follow."""
        self._clear_deadline()
        if not self.pipeline:
            self._wait_for_head()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has taken some."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _wait_for_head(self) -> None:
        self._waiting.pop(self, None)
        self._waiting[self] = self.loop.time()

    def _make_room(self) -> None:
        while len(self._waiting) > _MOST_WAITING:
            oldest, since = next(iter(self._waiting.items()))
            if self.loop.time() - since < _FAIR_S:
                return
            del self._waiting[oldest]
            oldest.transport.abort()

    def _has_open_body(self) -> bool:
        # There is no cycle before the first request.
        return bool(getattr(self.cycle, "more_body", False))

    def _set_deadline(self, seconds: float, end: Any) -> None:
        self._clear_deadline()
        self._deadline = self.loop.call_later(seconds, end)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_head(self) -> None:
        if self in self._waiting:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _end_silence(self) -> None:
        if self.flow.read_paused:
            # It is us who do not read.
            self._set_deadline(SILENCE_S, self._end_silence)
        elif self._has_open_body():
            self.transport.abort()

    def _refuse(self, status: HTTPStatus) -> None:
        self._clear_deadline()
        if not self.transport.is_closing():
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(head.encode())
            self.transport.close()
