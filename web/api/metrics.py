"""What Prometheus asks for."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from scheduler.metrics import render_metrics
from web.context import context_of
from web.identity import Principal
from web.rules import READ

router = APIRouter(tags=["operations"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request, _principal: Annotated[Principal, Depends(READ)]) -> Response:
    """Queue, workers, verdicts, seconds per stage and drift, as Prometheus reads them."""
    return Response(render_metrics(context_of(request).database), media_type=CONTENT_TYPE_LATEST)
