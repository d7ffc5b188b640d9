"""The videos of all batches: searched, filtered, sorted, a page at a time."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from db.listing import list_videos, session_for
from db.states import STATES
from db.verdicts import VERDICTS
from db.videos import find_videos
from web.context import context_of
from web.identity import Principal
from web.pages.listing import ORDERS, cursor_text, wanted_from
from web.pages.showing import query_of, show
from web.rules import READ

router = APIRouter(include_in_schema=False)

_PAGE = 50
_ID_DIGITS = 18
# Fewer digits may as well be part of a name.
_SHORTEST_HASH = 8
_HEX = frozenset("0123456789abcdef")


@router.get("/videos", response_class=HTMLResponse)
def videos(
    request: Request,
    _principal: Annotated[Principal, Depends(READ)],
    q: str = "",
    standing: str = "",
    batch: str = "",
    order: str = "newest",
    after: str = "",
) -> Response:
    """The list; whoever looks for the hash of one video is led to it."""
    batch_id = int(batch) if batch.isascii() and batch.isdecimal() and len(batch) <= _ID_DIGITS else None
    wanted = wanted_from(standing, batch_id=batch_id, text=q, order=order, after=after, limit=_PAGE)
    with session_for(context_of(request).database, wanted) as session:
        by_hash = find_videos(session, q, limit=2) if _is_hash(q) else []
        if len(by_hash) == 1:
            return RedirectResponse(f"/videos/{by_hash[0]}", 303)
        page = list_videos(session, wanted)
    return show(
        request,
        "videos.html",
        section="videos",
        query=q,
        standing=standing,
        order=order,
        batch_id=batch_id,
        videos=page.videos,
        next_page=query_of(request, after=cursor_text(page.next)) if page.next else None,
        first_page=query_of(request, after=None),
        is_first=not after,
        standings=(*VERDICTS, *(state for state in STATES if state != "judged")),
        orders=ORDERS,
    )


def _is_hash(text: str) -> bool:
    return len(text) >= _SHORTEST_HASH and _HEX.issuperset(text.lower())
