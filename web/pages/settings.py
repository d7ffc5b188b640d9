"""The settings as they are in force, to read."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from web.api.operations import shown_settings
from web.identity import Principal
from web.pages.showing import show
from web.rules import ADMIN

router = APIRouter(include_in_schema=False)


@router.get("/settings", response_class=HTMLResponse)
def settings(request: Request, _principal: Annotated[Principal, Depends(ADMIN)]) -> HTMLResponse:
    """Every variable."""
    return show(request, "settings.html", section="settings", settings=shown_settings())
