"""Server-sent events: progress of batches, workers, the queue, and each verdict as it comes."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import StreamingResponse

from web.context import context_of
from web.identity import Principal
from web.rules import READ

router = APIRouter(prefix="/api/v1/events", tags=["events"])


@router.get("", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def watch(
    request: Request,
    _principal: Annotated[Principal, Depends(READ)],
    last_event_id: Annotated[str | None, Header(max_length=40)] = None,
) -> StreamingResponse:
    """What happens, as it happens: `queue`, `batches` and `workers` when they change, `verdict` for each end."""
    lines = await context_of(request).events.stream(last_event_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(lines, media_type="text/event-stream", headers=headers)
