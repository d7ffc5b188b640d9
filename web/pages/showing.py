"""What pages share: the filters and strings of their templates, messages after a form, figures kept for a moment."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from web.context import context_of
from web.pages.pictures import face_of, media_of
from web.rendering import environment, page
from web.strings.catalogue import SCRIPT_STRINGS, t
from web.words import FILTERS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

environment.filters.update(FILTERS)
environment.globals.update(
    t=t,
    script_strings=SCRIPT_STRINGS,
    told=None,
    section="",
    face_of=face_of,
    media_of=media_of,
)

# A figure may cost one fiftieth of the time, however many look at it.
_COST_SHARE = 50.0
_FRESH_S = 1.0


def show(request: Request, template: str, **values: Any) -> HTMLResponse:
    """A page, with what the form before it came to."""
    key = request.query_params.get("told", "")
    message: dict[str, Any] = {}
    if key in _MESSAGES:
        count = request.query_params.get("n", "")
        message["told"] = t(f"told.{key}", n=count if count.isdecimal() else "")
    return page(request, template, **{**message, **values})


_MESSAGES = frozenset(
    {"cancelled", "retried", "nothing_to_retry", "labelled", "undone", "again", "submitted", "activated", "rolled_back"}
)


def back_to(address: str, told: str, count: int | None = None) -> RedirectResponse:
    """Ends a form: the next page tells what came of it, and loading that again does nothing twice."""
    query = {"told": told} | ({} if count is None else {"n": str(count)})
    return RedirectResponse(f"{address}?{urlencode(query)}", 303)


class _Figure(NamedTuple):
    good_until: float
    version: object
    value: Any


@dataclass
class Figures:
    """Answers of the database that many pages show, each asked for again only when it is worth its cost."""

    _kept: dict[str, _Figure] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=dict)

    def get(self, key: str, make: Callable[[], Any], *, fresh_s: float = _FRESH_S, version: object = None) -> Any:
        """What `make` gave of late; while one asks anew, the others are shown what it gave before.

        Args:
            fresh_s: for how long it is shown at least.
            version: where it is another one than before, what was kept is shown to nobody.
        """
        kept = self._kept.get(key)
        is_usable = kept is not None and kept.version == version
        if kept is not None and is_usable and time.monotonic() < kept.good_until:
            return kept.value
        lock = self._locks.setdefault(key, threading.Lock())
        if not lock.acquire(blocking=not is_usable) and kept is not None:
            return kept.value
        try:
            started = time.monotonic()
            kept = self._kept.get(key)
            if kept is not None and kept.version == version and started < kept.good_until:
                return kept.value
            value = make()
            ended = time.monotonic()
            self._kept[key] = _Figure(ended + max(fresh_s, _COST_SHARE * (ended - started)), version, value)
        finally:
            lock.release()
        return value


def remembered(
    request: Request, key: str, read: "Callable[[Session], Any]", *, fresh_s: float = _FRESH_S, version: object = None
) -> Any:
    """A figure of the database, as it was a moment ago; see `Figures.get`."""
    state = request.app.state
    if not hasattr(state, "figures"):
        state.figures = Figures()
    database = context_of(request).database

    def make() -> Any:
        with database.read() as session:
            return read(session)

    return cast(Figures, state.figures).get(key, make, fresh_s=fresh_s, version=version)


def query_of(request: Request, **changes: str | None) -> str:
    """The address of this page with other values in its query; None takes one away."""
    values: Mapping[str, str | None] = {**request.query_params, **changes}
    kept = {name: value for name, value in values.items() if value and name not in ("told", "n")}
    return f"{request.url.path}?{urlencode(kept)}" if kept else request.url.path
