"""Live: the server's cameras and streams, and the browser's own camera, judged at the rate that the machine allows."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from web.context import context_of
from web.identity import Principal
from web.pages.showing import show
from web.rules import READ

router = APIRouter(include_in_schema=False)


@router.get("/live", response_class=HTMLResponse)
def live(request: Request, principal: Annotated[Principal, Depends(READ)]) -> Response:
    """The browser's camera; for who may not send its pictures, the first source of the server."""
    sources = context_of(request).live.describe_all()
    if sources and not principal.may("submit"):
        return RedirectResponse("/live/1", 303)
    return show(request, "live.html", section="live", sources=sources, may_send=principal.may("submit"))


@router.get("/live/{source_id}", response_class=HTMLResponse)
def live_source(
    request: Request,
    principal: Annotated[Principal, Depends(READ)],
    source_id: Annotated[int, Path(ge=1, le=2**31 - 1)],
) -> HTMLResponse:
    """A camera or stream of the server, with boxes and scores."""
    desk = context_of(request).live
    source = desk.describe(source_id)
    may_send = principal.may("submit")
    return show(
        request, "live_source.html", section="live", sources=desk.describe_all(), source=source, may_send=may_send
    )
