"""The first page: what is going on."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from web.identity import Principal
from web.rendering import page
from web.rules import READ

router = APIRouter()


@router.get("/", response_class=HTMLResponse, include_in_schema=False)
def overview(request: Request, _principal: Annotated[Principal, Depends(READ)]) -> HTMLResponse:
    """The overview."""
    return page(request, "overview.html")
