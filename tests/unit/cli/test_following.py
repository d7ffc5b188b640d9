"""Whoever follows a batch waits for a database that is away, says so once, and goes on."""

from contextlib import contextmanager
from typing import Any

import pytest

from cli import following
from db.errors import DatabaseUnavailableError


class FakeClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.now_s

    def sleep(self, pause_s: float) -> None:
        """Passes at once."""
        self.now_s += pause_s


class FakeDatabase:
    """Away from one moment to another."""

    def __init__(self, clock: FakeClock, *, back_at_s: float) -> None:
        self._clock = clock
        self._back_at_s = back_at_s

    @contextmanager
    def read(self) -> Any:
        """Raises while it is away."""
        if 1.0 < self._clock.now_s < self._back_at_s:
            raise DatabaseUnavailableError("the database does not answer")
        yield None


def _follow(clock: FakeClock, monkeypatch: pytest.MonkeyPatch, *, back_at_s: float) -> None:
    database = FakeDatabase(clock, back_at_s=back_at_s)

    class Follower:
        def __init__(self, *_: object) -> None:
            """For any batch."""

        def look(self) -> Any:
            with database.read():
                is_finished = clock.now_s >= back_at_s
                return type("View", (), {"progress": type("Progress", (), {"is_finished": is_finished})})

    monkeypatch.setattr(following, "time", clock)
    monkeypatch.setattr("scheduler.follow.Follower", Follower)
    monkeypatch.setattr(following, "_count_workers", lambda _: 1)
    progress = type("Progress", (), {"judging": lambda *_, **__: None})()
    following.follow(database, 1, progress)  # type: ignore[arg-type] # fakes


def test_ten_minutes_away_are_waited_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One note, and on it goes."""
    clock = FakeClock()

    _follow(clock, monkeypatch, back_at_s=601.0)

    assert clock.now_s >= 601
    assert capsys.readouterr().err == "Note: the database does not answer; waiting for it, nothing is lost.\n"


def test_a_database_that_stays_away_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a quarter of an hour somebody should know."""
    clock = FakeClock()

    with pytest.raises(DatabaseUnavailableError):
        _follow(clock, monkeypatch, back_at_s=5000.0)
    assert 900 < clock.now_s < 910
