"""Who may use a route: each names its scope or says that it is open to all, or the application does not start."""

from collections.abc import Iterable, Iterator

from fastapi import APIRouter, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount

from db.tokens import SCOPES
from web.gate import SAFE_METHODS, require_csrf_token
from web.identity import Principal
from web.problems import ProblemError


class Needs:
    """A dependency that lets only those pass who have a scope; gives the principal."""

    def __init__(self, scope: str | None) -> None:
        if scope is not None and scope not in SCOPES:
            raise ValueError(f"scope must be one of {', '.join(SCOPES)}, got {scope!r}")
        self.scope = scope

    async def __call__(self, request: Request) -> Principal:
        """Whoever asks.

        Raises:
            ProblemError: 401 for strangers, 403 without the scope, or where a form of another site asks.
        """
        principal = principal_of(request)
        if request.method not in SAFE_METHODS and not request.state.is_csrf_checked:
            require_csrf_token(principal, (await request.form()).get("csrf_token"))
        if self.scope is None or principal.may(self.scope):
            return principal
        if not principal.scopes:
            raise ProblemError(
                401,
                "a token is needed: send it as `Authorization: Bearer TOKEN`, or sign in; "
                "`fakesweep tokens create` makes one",
                headers={"WWW-Authenticate": 'Bearer realm="fakesweep"'},
            )
        raise ProblemError(
            403, f"the token {principal.name!r} has no scope {self.scope!r}: ask for one with it, or use another"
        )


READ = Needs("read")
SUBMIT = Needs("submit")
REVIEW = Needs("review")
ADMIN = Needs("admin")
PUBLIC = Needs(None)
"""For signing in and the health checks: open to everybody."""


def principal_of(request: Request) -> Principal:
    """Whoever asks, as the gate found out."""
    principal: Principal = request.state.principal
    return principal


def rules_of(app: FastAPI) -> Iterator[tuple[APIRoute, Needs | None]]:
    """Every route with its rule, None where it has none."""
    for route in _routes_in(app.routes):
        if isinstance(route, APIRoute):
            yield route, _rule_in(route.dependant)


def check_rules(app: FastAPI) -> None:
    """Makes sure that no route was forgotten.

    Raises:
        RuntimeError: a route names no rule.
    """
    forgotten = [route.path for route, rule in rules_of(app) if rule is None]
    unknown = [route for route in _routes_in(app.routes) if not isinstance(route, APIRoute | Mount)]
    forgotten += [str(getattr(route, "path", route)) for route in unknown]
    if forgotten:
        raise RuntimeError(f"routes without a rule: {', '.join(forgotten)}: add Depends(web.rules.READ)")


def _routes_in(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    for route in routes:
        # A router that was included holds its routes itself.
        included = getattr(route, "original_router", None)
        if isinstance(included, APIRouter):
            yield from _routes_in(included.routes)
        else:
            yield route


def _rule_in(dependant: Dependant) -> Needs | None:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Needs):
            return dependency.call
    return None
