"""Tells what went wrong in the form that was asked for: a page for people, RFC 9457's JSON for programs."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from web.problems import problem_response
from web.rendering import page
from web.strings.catalogue import ENGLISH

_READS = ("GET", "HEAD")
# What may be over a moment later.
_PASSING = (429, 500, 502, 503)


def wants_page(path: str, headers: Headers) -> bool:
    """Whether a person asks, who reads pages: not of the API, and by a browser."""
    return not path.startswith("/api/") and "text/html" in headers.get("accept", "")


def answer_problem(
    request: Request,
    status: int,
    detail: str,
    headers: Mapping[str, str] | None = None,
    *,
    errors: list[dict[str, Any]] | None = None,
) -> Response:
    """The answer that tells a problem; who is not signed in and asks for a page is led to where one signs in.

    Args:
        errors: where values did not fit; a page tells the first.
    """
    path = request.url.path
    if not wants_page(path, request.headers):
        return problem_response(path, status, detail, headers=headers, errors=errors)
    if status == HTTPStatus.UNAUTHORIZED and "authorization" not in request.headers:
        after = _address_of(request) if request.method in _READS else "/"
        return RedirectResponse(f"/login?{urlencode({'next': after})}", 303)
    if errors:
        where, message = errors[0]["where"].rpartition(".")[2], errors[0]["message"]
        detail = f"{where}: {message}"
    shown = {"title": _title_of(status), "detail": detail[:1].upper() + detail[1:], "again": _again(request, status)}
    answer = page(request, "problem.html", status=status, **shown)
    answer.headers.update(headers or {})
    return answer


def safe_path(wanted: str) -> str:
    """A path of this server; anything else becomes the first page."""
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_ours else "/"


def _again(request: Request, status: int) -> str | None:
    """Where one may try once more: the page with the form, or this one; None where that would change nothing."""
    if request.method in _READS:
        return safe_path(_address_of(request)) if status in _PASSING else None
    came_from = urlsplit(request.headers.get("referer", ""))
    if came_from.netloc.lower() != request.headers.get("host", "").lower():
        return None
    return safe_path(f"{came_from.path}?{came_from.query}" if came_from.query else came_from.path)


def _address_of(request: Request) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def _title_of(status: int) -> str:
    return ENGLISH.get(f"problem.{status}") or HTTPStatus(status).phrase
