"""Draws the scores of a video over time as one line of text."""

from collections.abc import Mapping, Sequence
from typing import Any

# From "surely real" to "surely fake"; a moment without a face is a dot.
_LEVELS = "▁▂▃▄▅▆▇█"
_NO_FACE = "·"
_PLAIN_LEVELS = "_.,-=+*#"
"""For terminals whose encoding has no blocks."""
_PLAIN_NO_FACE = " "
WIDEST = 72


def has_blocks(encoding: str | None) -> bool:
    """Whether text of this encoding can hold the blocks of a timeline."""
    try:
        (_LEVELS + _NO_FACE).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def legend(*, is_plain: bool = False) -> str:
    """What the lowest and the highest mark mean."""
    levels = _PLAIN_LEVELS if is_plain else _LEVELS
    return f"{levels[0]} real {'...' if is_plain else '…'} {levels[-1]} fake"


def timeline(frames: Sequence[Mapping[str, Any]], *, width: int = WIDEST, is_plain: bool = False) -> str:
    """One character per frame; where there are many, one per group, which shows its highest score.

    Args:
        is_plain: in ASCII alone.
    """
    count = len(frames)
    columns = min(count, width)
    groups = (frames[count * i // columns : count * (i + 1) // columns] for i in range(columns))
    return "".join(_level([frame["score"] for frame in group], is_plain=is_plain) for group in groups)


def _level(scores: Sequence[float | None], *, is_plain: bool) -> str:
    known = [score for score in scores if score is not None]
    if not known:
        return _PLAIN_NO_FACE if is_plain else _NO_FACE
    levels = _PLAIN_LEVELS if is_plain else _LEVELS
    return levels[min(int(max(known) * len(levels)), len(levels) - 1)]
