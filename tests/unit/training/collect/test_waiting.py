"""Servers are waited for as long as they ask."""

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from training.collect.waiting import Pace, StoppedError, back_off_s, duration_s, wait_asked_for, wait_for_allowance
from training.errors import TrainingError


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After-Ms": "250", "Retry-After": "9"}, 0.25),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "Fri, 01 Jan 1999 00:00:00 GMT"}, 0.0),
        ({}, None),
    ],
)
def test_reads_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """`Retry-After` is seconds or a date; a finer value goes before it; nonsense is nothing."""
    assert wait_asked_for(headers) == seconds


def test_reads_a_date_to_wait_for() -> None:
    """A date is as long as it is away."""
    moment = datetime.now(UTC) + timedelta(seconds=90)

    wait = wait_asked_for({"Retry-After": format_datetime(moment, usegmt=True)})

    assert wait is not None
    assert 85 < wait <= 90


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m30s"}, 390.0),
        ({"X-RateLimit-Remaining-Images": "0", "X-RateLimit-Reset-Images": "120ms"}, 0.12),
        ({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "1h"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "whenever"}, None),
        ({"x-ratelimit-remaining-requests": "0"}, None),
    ],
)
def test_waits_when_the_allowance_is_used_up(headers: dict[str, str], seconds: float | None) -> None:
    """Only an allowance of zero is waited for, until it is renewed."""
    assert wait_for_allowance(headers) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"), [("1h2m3s", 3723.0), ("12", 12.0), ("1.5s", 1.5), ("5x", None), ("", None)]
)
def test_reads_durations(text: str, seconds: float | None) -> None:
    """Durations are written as Go writes them, or as plain seconds."""
    assert duration_s(text) == seconds


def test_backs_off_further_each_time_but_not_without_end() -> None:
    """The waits double up to a minute."""
    assert [back_off_s(attempt, chance=1.0) for attempt in (1, 2, 3, 4, 20)] == [1.0, 2.0, 4.0, 8.0, 60.0]
    assert back_off_s(3, chance=0.0) == 2.0


def test_requests_keep_their_distance() -> None:
    """At 1200 a minute, ten requests of two threads take nine times 50 ms."""
    pace = Pace(1200)
    started = time.monotonic()
    threads = [threading.Thread(target=lambda: [pace.wait_turn() for _ in range(5)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert time.monotonic() - started >= 0.45


def test_a_hold_is_for_all() -> None:
    """While a server wants to be left alone, no turn comes; when told to stop, none comes at all."""
    pace = Pace(None)
    pace.hold(600)
    threading.Timer(0.1, pace.stop).start()

    with pytest.raises(StoppedError):
        pace.wait_turn()


def test_a_very_long_hold_is_an_error() -> None:
    """Whoever would wait for hours is told to come back."""
    pace = Pace(None)
    pace.hold(7200)

    with pytest.raises(TrainingError, match="run the same command again"):
        pace.wait_turn()
