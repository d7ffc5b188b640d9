"""Classifiers: which there are, how good each is by its card, which judges, and how it came to that."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from db.activations import list_activations
from db.registry import list_classifiers
from web.context import context_of
from web.identity import Principal
from web.known_classifiers import activate_classifier, go_back, read_card, require_classifier
from web.pages.cards import render_card
from web.pages.showing import back_to, show
from web.rules import ADMIN, READ

router = APIRouter(include_in_schema=False)

_LISTED = "the list of classifiers"
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
    found = require_classifier(context_of(request), classifier_id, see=_LISTED)
    return show(
        request,
        "classifier.html",
        section="classifiers",
        classifier=found,
        card=render_card(read_card(found) or ""),
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
    go_back(context_of(request), reason=reason.strip() or None, actor=principal.name)
    return back_to("/classifiers", "rolled_back")


@router.post("/classifiers/{classifier_id}/activate")
def activate(
    request: Request,
    classifier_id: int,
    principal: Annotated[Principal, Depends(ADMIN)],
    reason: Annotated[str, Form(max_length=1000)] = "",
) -> RedirectResponse:
    """Takes one through the gate."""
    context = context_of(request)
    found = require_classifier(context, classifier_id, see=_LISTED)
    activate_classifier(context, found, reason=reason.strip() or None, actor=principal.name)
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
