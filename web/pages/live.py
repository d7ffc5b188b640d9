"""Live: what the browser's camera sees is judged picture by picture, at the rate that the machine allows."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from web.identity import Principal
from web.pages.showing import show
from web.rules import SUBMIT

router = APIRouter(include_in_schema=False)


@router.get("/live", response_class=HTMLResponse)
def live(request: Request, _principal: Annotated[Principal, Depends(SUBMIT)]) -> HTMLResponse:
    """The camera's picture with boxes and scores."""
    return show(request, "live.html", section="live")
