"""Draws the scores of a video over time as one line of text."""

from collections.abc import Mapping, Sequence
from typing import Any

# From "surely real" to "surely fake"; a moment without a face is a dot.
_LEVELS = "▁▂▃▄▅▆▇█"
_NO_FACE = "·"
WIDEST = 72


def timeline(frames: Sequence[Mapping[str, Any]], *, width: int = WIDEST) -> str:
    """One character per frame; where there are many, one per group, which shows its highest score."""
    count = len(frames)
    columns = min(count, width)
    groups = (frames[count * i // columns : count * (i + 1) // columns] for i in range(columns))
    return "".join(_level([frame["score"] for frame in group]) for group in groups)


def _level(scores: Sequence[float | None]) -> str:
    known = [score for score in scores if score is not None]
    if not known:
        return _NO_FACE
    return _LEVELS[min(int(max(known) * len(_LEVELS)), len(_LEVELS) - 1)]
