"""Uploading: videos join the queue, pictures are judged at once; examples to try, and faces to have drawn."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from web.context import context_of
from web.identity import Principal
from web.pages.showing import show
from web.rules import READ
from web.strings.catalogue import t

router = APIRouter(include_in_schema=False)

EXAMPLES = ("portrait", "generated-1", "generated-2", "coffee")
"""Pictures in `static/examples` that may be shown to anyone."""


@router.get("/upload", response_class=HTMLResponse)
def upload(request: Request, _principal: Annotated[Principal, Depends(READ)]) -> HTMLResponse:
    """The drop zone, and what can be tried."""
    return show(
        request,
        "upload.html",
        section="upload",
        examples=[(name, t(f"example.{name}")) for name in EXAMPLES],
        can_generate=context_of(request).doors.generate_picture is not None,
        limit_bytes=context_of(request).settings.web.upload_limit_bytes,
    )
