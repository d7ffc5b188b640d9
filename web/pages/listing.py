"""What the address of a list asks for, and the address of its next page."""

from typing import get_args

from db.listing import Key, Sort, Wanted
from db.states import STATES
from db.verdicts import VERDICTS
from web.problems import ProblemError

ORDERS: tuple[Sort, ...] = get_args(Sort)

_LONGEST_TEXT = 200
_MOST_PARTS = 3


def wanted_from(standing: str, *, batch_id: int | None, order: str, after: str, limit: int, text: str = "") -> Wanted:
    """The list that an address asks for.

    Args:
        standing: a verdict, a state, or empty for all.

    Raises:
        ProblemError: a value that no page of ours has.
    """
    if standing and standing not in (*VERDICTS, *STATES):
        raise ProblemError(422, f"a video is {', '.join((*VERDICTS, *STATES))}, got {standing!r}: choose one of these")
    if order not in ORDERS:
        raise ProblemError(422, f"order must be one of {', '.join(ORDERS)}, got {order!r}: choose one of these")
    return Wanted(
        batch_id=batch_id,
        state=standing if standing in STATES else None,
        verdict=standing if standing in VERDICTS else None,
        text=text.strip()[:_LONGEST_TEXT] or None,
        sort=order,
        after=_cursor_from(after) if after else None,
        limit=limit,
    )


def cursor_text(key: Key) -> str:
    """Where a page ended, for an address."""
    return "~".join(repr(part) for part in key)


def _cursor_from(text: str) -> Key:
    try:
        parts = tuple(float(part) for part in text.split("~"))
    except ValueError:
        parts = ()
    if not 0 < len(parts) <= _MOST_PARTS or not all(abs(part) < 2**53 for part in parts):
        raise ProblemError(
            422, f"after must be what a page of this list ended with, got {text[:80]!r}: begin without it"
        )
    return parts
