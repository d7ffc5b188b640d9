"""Makes pages of templates: what is put in is escaped, and a name that is not there is an error."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from web.context import context_of
from web.identity import SESSION_COOKIE, SESSION_S, Principal, csrf_token_of, make_secret

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"

environment = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
"""Where the pages add their filters and globals."""


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page. Beside `values`, templates know `principal`, `csrf_token`, `path` and `static`.

    A browser without a session gets one, so that the forms of the page can be told from those of other sites. Where the
    gate let nobody in, the page is a stranger's and changes no session: another site may have made the browser ask.
    """
    admitted: Principal | None = getattr(request.state, "principal", None)
    principal = admitted or Principal("nobody", "")
    session = principal.session or (make_secret() if admitted else None)
    shown = {
        "principal": principal,
        "csrf_token": "" if session is None else csrf_token_of(session),
        "path": request.url.path,
        **values,
    }
    answer = HTMLResponse(environment.get_template(template).render(shown), status)
    if session is not None and principal.session is None:
        set_session(request, answer, session)
    return answer


def set_session(request: Request, answer: HTMLResponse | Any, session: str) -> None:
    """Gives the browser a session, out of the reach of scripts and of other sites."""
    answer.set_cookie(
        SESSION_COOKIE,
        session,
        max_age=int(SESSION_S),
        path="/",
        secure=context_of(request).is_secure,
        httponly=True,
        samesite="strict",
    )


def static(name: str) -> str:
    """The address of a file in `static`, which changes with its content, so that browsers may keep it."""
    return f"/static/{name}?v={_fingerprint(name)}"


@cache
def _fingerprint(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


environment.globals["static"] = static
