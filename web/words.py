"""How pages write numbers, times, sizes and names; the filters of the templates."""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from web.strings.catalogue import t
from worker.figures import UNKNOWN, format_duration, format_per_minute, format_score, format_time
from worker.safe_text import safe_text

# What is drawn from the bottom up; the classes of `components.css` are named by it.
_STACKED = {
    "real": "real",
    "uncertain": "uncertain",
    "fake": "fake",
    "no_face": "idle",
    "unreadable": "trouble",
    "failed": "trouble",
    "quarantined": "trouble",
    "cancelled": "idle",
    "judged": "idle",
}
_UNITS = ("B", "kB", "MB", "GB", "TB")


def number(value: float | None) -> str:
    """Such as "12,345"; "–" where unknown."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def percent(share: float | None) -> str:
    """A share of 1 as whole per cent."""
    return UNKNOWN if share is None else f"{share:.0%}"


def size(count: float | None) -> str:
    """Bytes such as "3.4 MB"."""
    if count is None:
        return UNKNOWN
    left = float(count)
    for unit in _UNITS[:-1]:
        if left < 999.5:
            return f"{left:.0f} {unit}" if unit == "B" or left >= 99.5 else f"{left:.1f} {unit}"
        left /= 1000
    return f"{left:.1f} {_UNITS[-1]}"


def iso(at: float | str) -> str:
    """For a machine: seconds since the epoch as ISO 8601 in UTC."""
    return at if isinstance(at, str) else _moment(at).isoformat(timespec="seconds").replace("+00:00", "Z")


def when(at: float | str) -> str:
    """For a person, in UTC."""
    moment = datetime.datetime.fromisoformat(at) if isinstance(at, str) else _moment(at)
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def clock(at: float, pattern: str = "%H:%M") -> str:
    """A moment on an axis, in UTC."""
    return _moment(at).strftime(pattern)


def name(path: bytes | str) -> str:
    """The last part of a path as one line of harmless text."""
    raw = path if isinstance(path, bytes) else path.encode("utf-8", "replace")
    return safe_text(raw.rstrip(b"/").rpartition(b"/")[2].decode("utf-8", "replace"))


def folder(path: bytes | str) -> str:
    """All but the last part."""
    raw = path if isinstance(path, bytes) else path.encode("utf-8", "replace")
    return safe_text(raw.rpartition(b"/")[0].decode("utf-8", "replace"))


def stacked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """What a column is made of, from the bottom up."""
    return [(look, counts[word]) for word, look in _STACKED.items() if counts.get(word)]


def told(counts: Mapping[str, int]) -> str:
    """Counts in words, such as "3 fake, 1 real"."""
    parts = [f"{counts[word]:,} {t(f'word.{word}')}" for word in _STACKED if counts.get(word)]
    return ", ".join(parts) or t("word.nothing")


def counted(count: int, noun: str) -> str:
    """Such as "1 video" or "12,000 videos"; `noun` is a word of the catalogue."""
    return f"{count:,} {t(f'noun.{noun}' if count == 1 else f'noun.{noun}s')}"


def counted_of(buckets: Iterable[Any], *words: str) -> int:
    """How many of some outcomes there are in buckets of time."""
    return sum(bucket.counts[word] for bucket in buckets for word in words)


def _moment(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, datetime.UTC)


FILTERS: Mapping[str, Any] = {
    "number": number,
    "score": format_score,
    "percent": percent,
    "duration": format_duration,
    "position": format_time,
    "size": size,
    "rate": format_per_minute,
    "iso": iso,
    "when": when,
    "clock": clock,
    "name": name,
    "folder": folder,
    "harmless": safe_text,
    "stacked": stacked,
    "told": told,
    "counted": counted,
    "counted_of": counted_of,
}
"""By the name that templates call them."""
