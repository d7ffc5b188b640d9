"""What routes answer with: JSON written at once, and the cursors of lists."""

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from db.listing import Key
from web.problems import ProblemError

_LARGEST_ID = 2**63 - 1


def json_answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The value as JSON, without the detour over a model for each of its parts."""
    body = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Response(body, status, headers, "application/json")


def write_cursor(key: Key | None) -> str | None:
    """A key as text that goes into an address."""
    if key is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> Key | None:
    """The key in a cursor.

    Raises:
        ProblemError: it is none of ours.
    """
    if cursor is None:
        return None
    try:
        key = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        is_key = isinstance(key, list) and all(_is_number(part) for part in key)
    except (ValueError, binascii.Error, RecursionError):
        is_key = False
    if not is_key:
        raise ProblemError(422, f"cursor {cursor!r} is none of ours: take `next_cursor` of the page before")
    return tuple(key)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and abs(value) <= _LARGEST_ID
