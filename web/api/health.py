"""Whether the server lives, whether it is ready to work, and what it understands."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from db.errors import DatabaseError
from db.schema import check_schema
from web.answers import json_answer
from web.context import context_of
from web.identity import Principal
from web.rules import PUBLIC

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """How the server is."""

    status: Literal["ok", "unavailable"]


@router.get("/health/live")
async def live(_principal: Annotated[Principal, Depends(PUBLIC)]) -> Health:
    """Answers as long as the process does."""
    return Health(status="ok")


@router.get("/health/ready", responses={503: {"model": Health}})
def ready(request: Request, response: Response, _principal: Annotated[Principal, Depends(PUBLIC)]) -> Health:
    """Answers 200 when the database does, and has this version's tables; else 503."""
    try:
        check_schema(context_of(request).database)
    except DatabaseError:
        response.status_code = 503
        return Health(status="unavailable")
    return Health(status="ok")


@router.get("/api/v1/openapi.json", include_in_schema=False)
def describe_api(request: Request, _principal: Annotated[Principal, Depends(PUBLIC)]) -> Response:
    """The API, as OpenAPI 3.1 tells it."""
    return json_answer(request.app.openapi())
