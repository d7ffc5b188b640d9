"""Durations, rates, scores and moments read the way people write them."""

import pytest

from worker.figures import format_duration, format_per_minute, format_score, format_time


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.0, "0.0 s"),
        (8.44, "8.4 s"),
        (59.99, "1 min 00 s"),
        (61.0, "1 min 01 s"),
        (7620.0, "2 h 07 min"),
    ],
)
def test_format_duration(seconds: float | None, text: str) -> None:
    """Seconds, then minutes and seconds, then hours and minutes."""
    assert format_duration(seconds) == text


def test_format_duration_never_says_sixty_seconds() -> None:
    """A duration just under a minute or an hour is written with a carry."""
    assert format_duration(119.9) == "2 min 00 s"


def test_format_score_of_none_is_no_number() -> None:
    """A video without a score shows none, never a half."""
    assert format_score(None) == "–"
    assert format_score(0.98765) == "0.988"


def test_format_per_minute() -> None:
    """With a digit behind the point as long as that tells anything."""
    assert format_per_minute(0.25) == "15.0"
    assert format_per_minute(20.0) == "1,200"
    assert format_per_minute(None) == format_per_minute(0.0) == "–"


def test_format_time_carries() -> None:
    """A moment is minutes and seconds, rounded with a carry."""
    assert format_time(62.4) == "1:02.40"
    assert format_time(59.999) == "1:00.00"
