"""Draws the scores of a video over time in text: in one line, or higher."""

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
    columns = _highest_scores(frames, columns=min(len(frames), width))
    return "".join(_mark(score, 0, 1, is_plain=is_plain) for score in columns)


def tall_timeline(
    frames: Sequence[Mapping[str, Any]], *, width: int = WIDEST, height: int = 4, is_plain: bool = False
) -> list[str]:
    """The same in several lines, the highest first: columns whose height is the score.

    Returns:
        `height` lines; none where there are no frames.
    """
    columns = _highest_scores(frames, columns=min(len(frames), width))
    if not columns:
        return []
    return [
        "".join(_mark(score, row, height, is_plain=is_plain) for score in columns).rstrip()
        for row in reversed(range(height))
    ]


def _highest_scores(frames: Sequence[Mapping[str, Any]], *, columns: int) -> list[float | None]:
    """The highest score of each group of frames that shares a column, None where no face is in it."""
    count = len(frames)
    groups = (frames[count * i // columns : count * (i + 1) // columns] for i in range(columns))
    return [max((frame["score"] for frame in group if frame["score"] is not None), default=None) for group in groups]


def _mark(score: float | None, row: int, height: int, *, is_plain: bool) -> str:
    """What a column shows in a row, 0 for the lowest."""
    if score is None:
        return " " if row else (_PLAIN_NO_FACE if is_plain else _NO_FACE)
    levels = _PLAIN_LEVELS if is_plain else _LEVELS
    # The lowest mark is a score of 0, so that a column with a face is never empty.
    level = min(int(score * height * len(levels)), height * len(levels) - 1) - row * len(levels)
    return " " if level < 0 else levels[min(level, len(levels) - 1)]
