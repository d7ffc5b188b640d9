"""Live: the cameras and streams that the server was started with, judged as they come."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response, StreamingResponse

from web.answers import json_answer
from web.context import context_of
from web.identity import Principal
from web.motion_jpeg import CONTENT_TYPE, MEDIA_TYPE
from web.problems import ProblemError
from web.rules import READ
from web.shapes.live import LiveSource, LiveSourceList

router = APIRouter(prefix="/api/v1/live", tags=["live"])

SourceId = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("", response_model=LiveSourceList)
async def list_sources(request: Request, _principal: Annotated[Principal, Depends(READ)]) -> Response:
    """The sources that `--live` named; nobody can add one from here."""
    return json_answer({"sources": context_of(request).live.describe_all()})


@router.get("/{source_id}", response_model=LiveSource)
async def get_source(
    request: Request, source_id: SourceId, _principal: Annotated[Principal, Depends(READ)]
) -> Response:
    """What a source is at, with the scores of its latest pictures. Asking does not start it."""
    return json_answer(context_of(request).live.describe(source_id))


@router.get("/{source_id}/stream", response_class=StreamingResponse, responses={200: {"content": {MEDIA_TYPE: {}}}})
async def stream(
    request: Request, source_id: SourceId, _principal: Annotated[Principal, Depends(READ)]
) -> StreamingResponse:
    """The pictures with boxes and scores, as motion JPEG for ten minutes; it is read while somebody watches."""
    # A picture on another site's page would not be shown there, but would start the camera.
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise ProblemError(403, "a page of another site may not start this: open the page of this server itself")
    pictures = await context_of(request).live.stream(source_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(pictures, media_type=CONTENT_TYPE, headers=headers)
