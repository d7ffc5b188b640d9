"""Signing in with a token, and out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from db.tokens import begin_session, end_session, find_token
from web.context import context_of
from web.identity import SESSION_COOKIE, SESSION_S, Principal, hash_secret, make_secret
from web.refusals import safe_path
from web.rendering import page, set_session
from web.rules import PUBLIC

router = APIRouter()

_WRONG = "This token is unknown, revoked or expired."


@router.get("/login", response_class=HTMLResponse, include_in_schema=False)
def show_form(
    request: Request,
    _principal: Annotated[Principal, Depends(PUBLIC)],
    next: str = "/",  # noqa: A002 - in addresses
) -> HTMLResponse:
    """The form."""
    return page(request, "login.html", next=safe_path(next), complaint=None)


@router.post("/login", response_class=HTMLResponse, include_in_schema=False)
def sign_in(
    request: Request,
    _principal: Annotated[Principal, Depends(PUBLIC)],
    token: Annotated[str, Form(max_length=200)],
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 - in addresses
) -> Response:
    """Begins a session for whoever has a token."""
    context = context_of(request)
    with context.database.read() as session:
        found = find_token(session, hash_secret(token.strip()))
    if found is None:
        context.limiter.wait_s(_principal.client, cost=5.0)
        return page(request, "login.html", status=403, next=safe_path(next), complaint=_WRONG)
    # A new secret: one that was there before might be known to somebody.
    secret = make_secret()
    with context.database.begin() as session:
        begin_session(session, sha256=hash_secret(secret), token_id=found.id, lifetime_s=SESSION_S)
    answer = RedirectResponse(safe_path(next), 303)
    set_session(request, answer, secret)
    return answer


@router.post("/logout", include_in_schema=False)
def sign_out(request: Request, principal: Annotated[Principal, Depends(PUBLIC)]) -> RedirectResponse:
    """Ends the session."""
    context = context_of(request)
    if principal.session is not None:
        with context.database.begin() as session:
            end_session(session, hash_secret(principal.session))
    request.app.state.gate.forget()
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(SESSION_COOKIE, path="/")
    return answer
