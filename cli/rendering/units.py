"""Writes durations, rates and scores the way people read them."""


def format_duration(seconds: float | None) -> str:
    """Such as "8.4 s", "3 min 05 s" or "2 h 07 min"; "–" where unknown."""
    if seconds is None:
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def format_remaining(seconds: float) -> str:
    """A guess of the time left, no finer than it deserves."""
    return f"{seconds:.0f} s" if seconds < 59.5 else format_duration(seconds)


def format_rate(per_second: float | None) -> str:
    """Videos per minute, such as "12.5/min"; "– /min" while nothing is known."""
    if not per_second:
        return "– /min"
    per_minute = per_second * 60
    return f"{per_minute:.1f}/min" if per_minute < 100 else f"{per_minute:.0f}/min"


def format_score(score: float | None) -> str:
    """A score with three digits; "–" where there is none, which is never the same as 0.5."""
    return "–" if score is None else f"{score:.3f}"


def format_time(t_s: float) -> str:
    """A moment of a video as "1:02.40" (minutes, seconds)."""
    minutes, seconds = divmod(round(t_s, 2), 60)
    return f"{int(minutes)}:{seconds:05.2f}"


def counted(count: int, noun: str) -> str:
    """Such as "1 video" or "12 videos"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
