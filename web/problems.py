"""Errors as RFC 9457 has them: one JSON object with type, title, status, detail and instance."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

PROBLEM_TYPE = "application/problem+json"


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(default="about:blank", description="The kind of error; about:blank where the status says it.")
    title: str
    status: int
    detail: str = Field(description="What was wrong, the value, and what to do next.")
    instance: str = Field(description="The path that was asked for.")
    errors: list[dict[str, Any]] | None = Field(default=None, description="Where a value was wrong: where, and how.")


class ProblemError(HTTPException):
    """A request that is answered by a problem; the detail is written for people."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)


def problem_response(
    path: str,
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: list[dict[str, Any]] | None = None,
) -> Response:
    """The answer that tells a problem."""
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Error"
    told: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": path,
    }
    if errors is not None:
        told["errors"] = errors
    return Response(json.dumps(told), status, headers, PROBLEM_TYPE)


def describe_invalid(error: RequestValidationError) -> tuple[str, list[dict[str, Any]]]:
    """Values that do not fit: the first in words, and each with its place."""
    errors = [
        {"where": ".".join(str(part) for part in one["loc"]), "message": str(one["msg"])} for one in error.errors()
    ]
    first = errors[0] if errors else {"where": "request", "message": "is wrong"}
    return f"{first['where']}: {first['message']}: see /api/v1/openapi.json for what is accepted", errors
