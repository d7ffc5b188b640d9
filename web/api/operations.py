"""What runs, and how the server is set."""

import os
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from web.answers import json_answer
from web.context import context_of
from web.identity import Principal
from web.rules import ADMIN, READ
from web.shapes.operations import SettingList, WorkerList
from web.workers import read_workers
from worker.settings import VARIABLES, mask_url

router = APIRouter(prefix="/api/v1", tags=["operations"])


@router.get("/workers", response_model=WorkerList)
def list_workers(request: Request, _principal: Annotated[Principal, Depends(READ)]) -> Response:
    """The workers seen of late, each with what it judges now."""
    return json_answer({"workers": read_workers(context_of(request).database)})


@router.get("/settings", response_model=SettingList)
def list_settings(_principal: Annotated[Principal, Depends(ADMIN)]) -> Response:
    """Every setting as it is in force, without secrets."""
    return json_answer({"settings": shown_settings()})


def shown_settings() -> list[dict[str, str]]:
    """Every variable with its value, passwords hidden."""
    return [
        {
            "name": variable.name,
            "value": mask_url(os.environ.get(variable.name, "")),
            "default": variable.default,
            "meaning": variable.meaning,
        }
        for variable in VARIABLES
    ]
