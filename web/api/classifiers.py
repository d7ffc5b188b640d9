"""Classifiers: list, look at card and metrics, activate through the gate, go back."""

from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from db.headers import iso_time
from db.registry import RegisteredClassifier, list_classifiers, read_classifier
from web.answers import json_answer
from web.api.batches import BatchId
from web.context import Context, context_of
from web.identity import Principal
from web.problems import ProblemError
from web.rules import ADMIN, READ
from web.shapes.classifiers import Activation, Classifier, ClassifierDetails, ClassifierList

router = APIRouter(prefix="/api/v1/classifiers", tags=["classifiers"])

_CARD = "card.md"
_LARGEST_CARD_BYTES = 1_000_000


@router.get("", response_model=ClassifierList)
def list_all(request: Request, _principal: Annotated[Principal, Depends(READ)]) -> Response:
    """Every registered classifier, the oldest first."""
    with context_of(request).database.read() as session:
        return json_answer({"classifiers": [describe_classifier(one) for one in list_classifiers(session)]})


@router.post("/rollback", response_model=Classifier)
def roll_back(
    request: Request, principal: Annotated[Principal, Depends(ADMIN)], wanted: Activation | None = None
) -> Response:
    """Go back to the classifier before this one, which the gate let through once."""
    context = context_of(request)
    if context.doors.roll_back is None:
        raise ProblemError(503, "this server changes no classifiers: start it with `fakesweep serve`")
    try:
        context.doors.roll_back(wanted.reason if wanted else None, principal.name)
    except ValueError as error:
        raise ProblemError(409, str(error)) from error
    return _active(context)


@router.get("/{classifier_id}", response_model=ClassifierDetails)
def get_classifier(
    request: Request, classifier_id: BatchId, _principal: Annotated[Principal, Depends(READ)]
) -> Response:
    """One classifier with its card and its metrics."""
    found = _require(context_of(request), classifier_id)
    manifest = found.manifest
    details = {
        **describe_classifier(found),
        "card": _read_card(found),
        "metrics": manifest.get("metrics") or {},
        "thresholds": manifest.get("thresholds") or {},
    }
    return json_answer(details)


@router.post("/{classifier_id}/activate", response_model=Classifier)
def activate(
    request: Request,
    classifier_id: BatchId,
    principal: Annotated[Principal, Depends(ADMIN)],
    wanted: Activation | None = None,
) -> Response:
    """Let a classifier judge what is submitted from now on, if the gate finds it no worse than the active one."""
    context = context_of(request)
    found = _require(context, classifier_id)
    if context.doors.activate is None:
        raise ProblemError(503, "this server changes no classifiers: start it with `fakesweep serve`")
    try:
        context.doors.activate(found, wanted.reason if wanted else None, principal.name)
    except ValueError as error:
        raise ProblemError(409, str(error)) from error
    return _active(context)


def describe_classifier(found: RegisteredClassifier) -> dict[str, Any]:
    """A classifier as lists show it."""
    return {
        "id": found.id,
        "name": found.name,
        "version": found.version,
        "sha256": found.sha256,
        "is_active": found.is_active,
        "created_at": iso_time(found.created_at),
        "activated_at": iso_time(found.activated_at),
    }


def _require(context: Context, classifier_id: int) -> RegisteredClassifier:
    with context.database.read() as session:
        found = read_classifier(session, classifier_id)
    if found is None:
        raise ProblemError(404, f"there is no classifier {classifier_id}: see /api/v1/classifiers")
    return found


def _active(context: Context) -> Response:
    with context.database.read() as session:
        active = next(one for one in list_classifiers(session) if one.is_active)
    return json_answer(describe_classifier(active))


def _read_card(found: RegisteredClassifier) -> str | None:
    try:
        with (FilePath(found.path) / _CARD).open("rb") as file:
            return file.read(_LARGEST_CARD_BYTES).decode(errors="replace")
    except OSError:
        return None
