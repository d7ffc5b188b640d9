"""A worker waits for a database that is away, says so, and goes on when it is back."""

import logging

import pytest

from db.errors import DatabaseError, DatabaseUnavailableError
from worker.storage import LONGEST_PAUSE_S, Storage


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


class AwayStorage(Storage):
    """A database that answers from a moment on."""

    def __init__(self, clock: FakeClock, *, until_s: float) -> None:
        super().__init__("sqlite://")
        self._clock = clock
        self._until_s = until_s
        self.asked_at_s: list[float] = []

    def attempt(self, _work: object) -> str:  # type: ignore[override] # a fake
        """Asks once."""
        self.asked_at_s.append(self._clock.now_s)
        if self._clock.now_s < self._until_s:
            raise DatabaseUnavailableError("the database does not answer: check that it runs")
        return "saved"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of the storage."""
    made = FakeClock()
    monkeypatch.setattr("worker.storage.time", made)
    return made


def test_ten_minutes_without_a_database_are_waited_for(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """With growing pauses, a line for each, and then at once."""
    storage = AwayStorage(clock, until_s=600.0)

    with caplog.at_level(logging.WARNING):
        assert storage.insist(lambda _session: "", should_stop=lambda: False) == "saved"

    pauses = [after - before for before, after in zip(storage.asked_at_s, storage.asked_at_s[1:], strict=False)]
    assert 600 <= clock.now_s <= 600 + 2 * LONGEST_PAUSE_S
    assert pauses[0] < 1 < pauses[4]
    assert max(pauses) <= LONGEST_PAUSE_S + 0.5
    assert len(storage.asked_at_s) < 80
    assert len(caplog.records) == len(storage.asked_at_s) - 1
    assert "does not answer" in caplog.text
    assert "trying again in 10.0 s" in caplog.text


def test_whoever_is_told_to_stop_waits_no_longer(clock: FakeClock) -> None:
    """A stopping worker hands back, whether the database is there or not."""
    storage = AwayStorage(clock, until_s=600.0)

    assert storage.insist(lambda _session: "", should_stop=lambda: clock.now_s > 30) is None
    assert clock.now_s < 31


def test_a_refusal_for_good_is_no_outage(clock: FakeClock) -> None:
    """What will fail next time too is told at once."""
    storage = AwayStorage(clock, until_s=0.0)

    def refuse(_work: object) -> str:
        raise DatabaseError("the database lacks our tables")

    storage.attempt = refuse  # type: ignore[method-assign] # a fake
    with pytest.raises(DatabaseError, match="lacks our tables"):
        storage.insist(lambda _session: "", should_stop=lambda: False)
    assert clock.now_s == 0.0
