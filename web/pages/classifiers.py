"""Classifiers: which there are, how good each is by its card, which judges, and how it came to that."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from db.activations import list_activations
from db.registry import RegisteredClassifier, list_classifiers, read_classifier
from web.context import context_of
from web.identity import Principal
from web.pages.cards import render_card
from web.pages.showing import back_to, show
from web.problems import ProblemError
from web.rules import ADMIN, READ

router = APIRouter(include_in_schema=False)

_CARD = "card.md"
_LARGEST_CARD_BYTES = 1_000_000
_HISTORY = 50


@router.get("/classifiers", response_class=HTMLResponse)
def classifiers(request: Request, _principal: Annotated[Principal, Depends(READ)]) -> HTMLResponse:
    """All of them, and what was activated when."""
    with context_of(request).database.read() as session:
        found = list_classifiers(session)
        history = list_activations(session, limit=_HISTORY)
    return show(request, "classifiers.html", section="classifiers", classifiers=found[::-1], history=history)


@router.get("/classifiers/{classifier_id}", response_class=HTMLResponse)
def classifier(request: Request, classifier_id: int, _principal: Annotated[Principal, Depends(READ)]) -> HTMLResponse:
    """One, with its card."""
    found = _require(request, classifier_id)
    return show(
        request,
        "classifier.html",
        section="classifiers",
        classifier=found,
        card=render_card(_read_card(found)),
        thresholds=found.manifest.get("thresholds") or {},
        metrics=flat(found.manifest.get("metrics") or {}),
    )


@router.post("/classifiers/rollback")
def roll_back(
    request: Request,
    principal: Annotated[Principal, Depends(ADMIN)],
    reason: Annotated[str, Form(max_length=1000)] = "",
) -> RedirectResponse:
    """Goes back to the one before."""
    door = context_of(request).doors.roll_back
    if door is None:
        raise ProblemError(503, "this server changes no classifiers: start it with `fakesweep serve`")
    try:
        door(reason.strip() or None, principal.name)
    except ValueError as error:
        raise ProblemError(409, str(error)) from error
    return back_to("/classifiers", "rolled_back")


@router.post("/classifiers/{classifier_id}/activate")
def activate(
    request: Request,
    classifier_id: int,
    principal: Annotated[Principal, Depends(ADMIN)],
    reason: Annotated[str, Form(max_length=1000)] = "",
) -> RedirectResponse:
    """Takes one through the gate."""
    door = context_of(request).doors.activate
    if door is None:
        raise ProblemError(503, "this server changes no classifiers: start it with `fakesweep serve`")
    try:
        door(_require(request, classifier_id), reason.strip() or None, principal.name)
    except ValueError as error:
        raise ProblemError(409, str(error)) from error
    return back_to("/classifiers", "activated")


def flat(metrics: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested figures as lines, such as ("videos / auc", "0.610")."""
    if isinstance(metrics, dict):
        return [line for key, value in metrics.items() for line in flat(value, f"{prefix} / {key}" if prefix else key)]
    if isinstance(metrics, list):
        return [(prefix, ", ".join(_figure(value) for value in metrics))]
    return [(prefix, _figure(metrics))]


def _figure(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _require(request: Request, classifier_id: int) -> RegisteredClassifier:
    with context_of(request).database.read() as session:
        found = read_classifier(session, classifier_id)
    if found is None:
        raise ProblemError(404, f"there is no classifier {classifier_id}: see the list of classifiers")
    return found


def _read_card(found: RegisteredClassifier) -> str:
    try:
        with (Path(found.path) / _CARD).open("rb") as file:
            return file.read(_LARGEST_CARD_BYTES).decode(errors="replace")
    except OSError:
        return ""
