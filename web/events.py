"""Tells everybody who watches what happens: one look at the database a second, however many they are."""

import asyncio
import json
import logging
import secrets
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool

from db.errors import DatabaseError
from db.news import News, read_news
from db.session import Database
from web.problems import ProblemError
from web.workers import read_workers

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
HEARTBEAT_S = 15.0
"""A line at least so often, so that proxies keep the connection and dead ones are noticed."""

# A browser comes back by itself; a token that was revoked meanwhile does not let it in.
_STREAM_S = 600.0
_MOST_CLIENTS = 500
# What a client may miss while it is away, and lag behind while it is there.
_REMEMBERED = 500
_LAG = 200
# Transactions that were under way when we looked commit with a moment in the past.
_OVERLAP_S = 10.0


@dataclass(frozen=True)
class Event:
    """Something that happened: its number, its kind and what is told of it, as JSON."""

    number: int
    kind: str
    text: str


@dataclass
class Hub:
    """Where events are gathered and handed out."""

    database: Database
    _clients: "set[asyncio.Queue[Event | None]]" = field(default_factory=set)
    _recent: deque[Event] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _state: dict[str, str] = field(default_factory=dict)
    _told: dict[tuple[int, int, str], float] = field(default_factory=dict)
    _number: int = 0
    _since: float | None = None
    _task: "asyncio.Task[None] | None" = None
    _is_closing: bool = False
    # Numbers of another process mean nothing here.
    _run: str = field(default_factory=lambda: secrets.token_hex(4))

    async def stream(self, last_event_id: str | None) -> AsyncIterator[bytes]:
        """The lines for one client, from the event after the last one that it knows.

        Raises:
            ProblemError: too many watch.
        """
        if len(self._clients) >= _MOST_CLIENTS:
            raise ProblemError(503, "too many watch already: try again later", headers={"Retry-After": "30"})
        return self._lines(last_event_id)

    def close(self) -> None:
        """Ends every stream; the browsers come back to whoever serves next."""
        self._is_closing = True
        for client in self._clients:
            _put(client, None)
        if self._task is not None:
            self._task.cancel()

    async def _lines(self, last_event_id: str | None) -> AsyncIterator[bytes]:
        client: asyncio.Queue[Event | None] = asyncio.Queue(_LAG)
        ends_at = asyncio.get_running_loop().time() + _STREAM_S
        missed = self._missed(last_event_id)
        if len(self._clients) >= _MOST_CLIENTS:
            # They asked at once, before any of them was counted.
            return
        self._clients.add(client)
        try:
            if self._task is None or self._task.done():
                # It looked last when the last client was here.
                self._since = None
                self._task = asyncio.create_task(self._look_on())
            yield b"retry: 2000\n\n"
            for event in missed:
                yield self._line(event)
            while not self._is_closing and asyncio.get_running_loop().time() < ends_at:
                try:
                    found = await asyncio.wait_for(client.get(), HEARTBEAT_S)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if found is None:
                    return
                yield self._line(found)
        finally:
            self._clients.discard(client)

    def _missed(self, last_event_id: str | None) -> list[Event]:
        """What a client does not know: the events after its last one, or all that holds now."""
        run, _, number = (last_event_id or "").partition("-")
        oldest = self._recent[0].number if self._recent else 0
        if run == self._run and number.isdecimal() and len(number) < 16 and int(number) >= oldest - 1:
            return [event for event in self._recent if event.number > int(number)]
        return [Event(self._number, kind, text) for kind, text in self._state.items()]

    def _line(self, event: Event) -> bytes:
        return f"id: {self._run}-{event.number}\nevent: {event.kind}\ndata: {event.text}\n\n".encode()

    async def _look_on(self) -> None:
        """Looks as long as anybody watches."""
        while self._clients and not self._is_closing:
            try:
                news, workers = await run_in_threadpool(self._look)
            except DatabaseError as error:
                logger.warning("events: %s", error)
            else:
                self._tell(news, workers)
            await asyncio.sleep(LOOK_EVERY_S)

    def _look(self) -> tuple[News, list[dict[str, Any]]]:
        with self.database.read() as session:
            news = read_news(session, since=self._since)
        return news, read_workers(self.database)

    def _tell(self, news: News, workers: list[dict[str, Any]]) -> None:
        self._since = news.now - _OVERLAP_S if self._since is not None else news.now
        self._tell_state("queue", {"waiting": news.waiting})
        self._tell_state("batches", {"batches": news.batches})
        # How long ago it was seen changes always, and is nobody's news.
        shown = [{name: value for name, value in one.items() if name not in ("up_s", "seen_s_ago")} for one in workers]
        self._tell_state("workers", {"workers": shown})
        for end in reversed(news.ended):
            key = (end["entry_id"], end["attempts"], str(end["finished_at"]))
            if key not in self._told:
                self._told[key] = news.now
                self._send("verdict", json.dumps(end))
        self._told = {key: at for key, at in self._told.items() if news.now - at < 2 * _OVERLAP_S}

    def _tell_state(self, kind: str, value: dict[str, Any]) -> None:
        """Tells what holds from now on, if it is not what held before."""
        text = json.dumps(value)
        if self._state.get(kind) != text:
            self._state[kind] = text
            self._send(kind, text)

    def _send(self, kind: str, text: str) -> None:
        self._number += 1
        event = Event(self._number, kind, text)
        self._recent.append(event)
        for client in list(self._clients):
            _put(client, event)


def _put(client: "asyncio.Queue[Event | None]", event: Event | None) -> None:
    try:
        client.put_nowait(event)
    except asyncio.QueueFull:
        # It lags too far behind: it ends, comes back and gets what holds then.
        with suppress(asyncio.QueueEmpty):
            client.get_nowait()
        with suppress(asyncio.QueueFull):
            client.put_nowait(None)
