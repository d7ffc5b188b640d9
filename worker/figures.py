"""Writes durations, rates, scores and moments the way people read them, in a terminal and in a browser."""

UNKNOWN = "–"
"""In place of a figure that there is none of, which is never the same as nought."""


def format_duration(seconds: float | None) -> str:
    """Such as "8.4 s", "3 min 05 s" or "2 h 07 min"; "–" where unknown."""
    if seconds is None:
        return UNKNOWN
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def format_per_minute(per_second: float | None) -> str:
    """What comes in a minute, such as "12.5" or "1,200"; "–" while nothing is known."""
    if not per_second:
        return UNKNOWN
    per_minute = per_second * 60
    return f"{per_minute:.1f}" if per_minute < 100 else f"{per_minute:,.0f}"


def format_score(score: float | None) -> str:
    """A score with three digits; "–" where there is none, which is never the same as 0.5."""
    return UNKNOWN if score is None else f"{score:.3f}"


def format_time(t_s: float) -> str:
    """A moment of a video as "1:02.40" (minutes, seconds)."""
    minutes, seconds = divmod(round(t_s, 2), 60)
    return f"{int(minutes)}:{seconds:05.2f}"
