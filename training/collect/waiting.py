"""Waits as long as servers ask for, and paces requests over all threads."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from training.errors import TrainingError

FIRST_WAIT_S = 1.0
# Whoever is asked to wait for longer had better come back later.
LONGEST_WAIT_S = 15 * 60.0
LONGEST_BACK_OFF_S = 60.0
_SECONDS = {"ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|s|m|h|d)")


class StoppedError(Exception):
    """Told to stop while waiting."""


def wait_asked_for(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait, None where it does not say.

    Read from `retry-after-ms`, or from `Retry-After` in seconds or as a date (RFC 9110, 10.2.3).
    """
    named = {name.lower(): value.strip() for name, value in headers.items()}
    milliseconds = _number(named.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = named.get("retry-after", "")
    seconds = _number(value)
    return _until(value) if seconds is None else seconds


def wait_for_allowance(headers: Mapping[str, str]) -> float | None:
    """Seconds until there is an allowance again, where `x-ratelimit-remaining-*` says that none is left."""
    named = {name.lower(): value.strip() for name, value in headers.items()}
    waits = [
        duration_s(named.get(f"x-ratelimit-reset-{kind}", ""))
        for kind in ("requests", "images", "tokens")
        if named.get(f"x-ratelimit-remaining-{kind}") == "0"
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def duration_s(text: str) -> float | None:
    """Seconds in "6m30s", "120ms" or "12"; None for anything else."""
    plain = _number(text)
    if plain is not None:
        return plain
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return float(sum(float(number) * _SECONDS[unit] for number, unit in parts))


def back_off_s(attempt: int, *, chance: float) -> float:
    """Seconds before attempt number `attempt` (from 1): doubling, capped, half of it by `chance` (0..1)."""
    whole = min(FIRST_WAIT_S * 2 ** (attempt - 1), LONGEST_BACK_OFF_S)
    return float(whole * (0.5 + chance / 2))


class Pace:
    """Lets requests start no closer together than the rate allows, and none while a server wants to be left alone.

    Args:
        per_minute: None for no limit of ours.
        clock: seconds that only grow.
    """

    def __init__(self, per_minute: float | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._between_s = 60.0 / per_minute if per_minute else 0.0
        self._clock = clock
        self._next = float("-inf")
        self._held_until = float("-inf")
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more may start."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Ends every wait, now and later, with StoppedError."""
        self._stopped.set()

    def hold(self, seconds: float) -> None:
        """Lets nobody start for so long."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock() + seconds)

    def wait_turn(self) -> None:
        """Blocks until a request may start.

        Raises:
            StoppedError: nothing may start any more.
            TrainingError: a server wants to be left alone for very long.
        """
        while True:
            if self.is_stopped:
                raise StoppedError
            with self._lock:
                now = self._clock()
                ready = max(self._next, self._held_until)
                if ready <= now:
                    self._next = now + self._between_s
                    return
            if ready - now > LONGEST_WAIT_S:
                raise TrainingError(f"the server asks to wait {ready - now:.0f} s: run the same command again then")
            self.sleep(ready - now)

    def sleep(self, seconds: float) -> None:
        """Waits, unless told to stop.

        Raises:
            StoppedError: nothing may start any more.
        """
        if self._stopped.wait(seconds):
            raise StoppedError


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,12}(?:\.\d{1,12})?", text, re.ASCII) else None


def _until(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
