"""The application: API and pages behind one gate."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from db.errors import DatabaseError
from web import pages
from web.api import (
    batches,
    classifiers,
    events,
    evidence,
    health,
    live,
    metrics,
    operations,
    pictures,
    uploads,
    videos,
)
from web.context import Context
from web.gate import Gate
from web.problems import Problem, describe_invalid
from web.refusals import answer_problem
from web.rendering import STATIC
from web.rules import check_rules

_DESCRIPTION = "Submit videos, follow them while they are judged, and read what was found."
# What may go wrong with any request; each is a problem of RFC 9457.
_PROBLEMS = (400, 401, 403, 404, 409, 413, 421, 422, 429, 503)

_ROUTERS = (
    batches.router,
    videos.router,
    evidence.router,
    uploads.router,
    pictures.router,
    classifiers.router,
    operations.router,
    events.router,
    live.router,
    metrics.router,
    health.router,
)

logger = logging.getLogger(__name__)


def make_app(context: Context) -> FastAPI:
    """The application for a context.

    Raises:
        RuntimeError: a route says not who may use it.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        context.events.close()
        context.live.close()
        await context.live.wait_closed()
        context.submitter.close()
        context.pictures.close()

    app = FastAPI(
        title="fakesweep",
        version=version("fakesweep"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        responses={
            status: {"model": Problem, "content": {"application/problem+json": {}}, "description": phrase_of(status)}
            for status in _PROBLEMS
        },
    )
    app.state.context = context
    for router in _ROUTERS:
        app.include_router(router)
    for router in pages.ROUTERS:
        app.include_router(router)
    app.mount("/static", _Immutable(StaticFiles(directory=STATIC)), name="static")
    _answer_errors(app)
    app.add_middleware(_GateMaker, app_state=app.state, context=context)
    check_rules(app)
    return app


def phrase_of(status: int) -> str:
    """The words for a status."""
    return HTTPStatus(status).phrase


class _GateMaker:
    """Puts the gate before the application, and where sign-out finds its memory."""

    def __init__(self, app: ASGIApp, app_state: object, context: Context) -> None:
        self._gate = Gate(app, context, _answer_defect)
        # Signing out forgets what the gate remembers.
        app_state.gate = self._gate.directory  # type: ignore[attr-defined]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._gate(scope, receive, send)


class _Immutable:
    """Lets browsers keep a file for good: its address changes with its content."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kept = b"public, max-age=31536000, immutable" if b"v=" in scope["query_string"] else b"no-cache"

        async def send_kept(message: "dict[str, object]") -> None:
            if message["type"] == "http.response.start" and message["status"] == HTTPStatus.OK:
                message["headers"] = [*message["headers"], (b"cache-control", kept)]  # type: ignore[misc]
            await send(message)

        await self._app(scope, receive, send_kept)  # type: ignore[arg-type]


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def answer_http(request: Request, error: HTTPException) -> Response:
        return answer_problem(request, error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def answer_validation(request: Request, error: RequestValidationError) -> Response:
        detail, errors = describe_invalid(error)
        return answer_problem(request, 422, detail, errors=errors)

    @app.exception_handler(DatabaseError)
    async def answer_database(request: Request, error: DatabaseError) -> Response:
        return answer_problem(request, 503, str(error), {"Retry-After": "5"})


def _answer_defect(request: Request, error: Exception) -> Response:
    logger.error("%s %s", request.method, request.url.path, exc_info=error)
    return answer_problem(request, 500, "a defect of ours; the server's log tells more")
