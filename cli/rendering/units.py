"""Writes figures for the terminal: those that pages write too, and what only a line of text needs."""

from worker.figures import UNKNOWN, format_duration, format_per_minute, format_score, format_time

__all__ = ["counted", "format_duration", "format_rate", "format_remaining", "format_score", "format_time"]


def format_remaining(seconds: float) -> str:
    """A guess of the time left, no finer than it deserves."""
    return f"{seconds:.0f} s" if seconds < 59.5 else format_duration(seconds)


def time_left(eta_s: float | None) -> str:
    """Such as "24 s left"; None is said too."""
    return "time left unknown" if eta_s is None else f"{format_remaining(eta_s)} left"


def format_rate(per_second: float | None) -> str:
    """Videos per minute, such as "12.5/min"; "– /min" while nothing is known."""
    told = format_per_minute(per_second)
    return f"{told} /min" if told == UNKNOWN else f"{told}/min"


def counted(count: int, noun: str) -> str:
    """Such as "1 video" or "12 videos"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
