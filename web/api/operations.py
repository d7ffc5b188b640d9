"""What runs, and how the server is set."""

import os
from collections import defaultdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from db.findings import describe_path
from db.progress import RunningScan, read_running
from db.session import Database
from db.workers import live_workers
from web import models
from web.answers import json_answer
from web.context import context_of
from web.identity import Principal
from web.rules import ADMIN, READ
from worker.settings import VARIABLES, mask_url

router = APIRouter(prefix="/api/v1", tags=["operations"])


@router.get("/workers", response_model=models.WorkerList)
def list_workers(request: Request, _principal: Annotated[Principal, Depends(READ)]) -> Response:
    """The workers seen of late, each with what it judges now."""
    return json_answer({"workers": read_workers(context_of(request).database)})


@router.get("/settings", response_model=models.SettingList)
def list_settings(_principal: Annotated[Principal, Depends(ADMIN)]) -> Response:
    """Every setting as it is in force, without secrets."""
    return json_answer({"settings": shown_settings()})


def read_workers(database: Database) -> list[dict[str, Any]]:
    """The workers as the API tells them."""
    with database.read() as session:
        workers = live_workers(session)
        scans = read_running(session)
    running: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for scan in scans:
        running[scan.worker].append(describe_running(scan))
    return [{**vars(worker), "running": running[worker.name]} for worker in workers]


def describe_running(scan: RunningScan) -> dict[str, Any]:
    """A scan under way."""
    return {
        "scan_id": scan.scan_id,
        **describe_path(scan.path),
        "stage": scan.stage,
        "progress": scan.progress,
        "attempt": scan.attempt,
        "elapsed_s": scan.elapsed_s,
    }


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
