"""Figures that many pages show are asked for by one, and not again before it is worth its cost."""

import threading

import pytest

from web.pages import showing
from web.pages.showing import Figures


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which passes when its one number is changed."""
    now = [100.0]

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now[0]

    monkeypatch.setattr(showing, "time", Clock)
    return now


def test_a_figure_is_kept_for_fifty_times_its_cost(clock: list[float]) -> None:
    """But for a second at least, or as long as is asked for."""
    figures = Figures()
    made = []

    def make() -> int:
        clock[0] += 2.0
        made.append(clock[0])
        return len(made)

    assert figures.get("slow", make) == 1
    clock[0] += 99.0
    assert figures.get("slow", make) == 1
    clock[0] += 2.0
    assert figures.get("slow", make) == 2
    assert figures.get("slow, but it hardly changes", make, fresh_s=3600.0) == 3
    clock[0] += 3000.0
    assert figures.get("slow, but it hardly changes", make, fresh_s=3600.0) == 3


def test_a_figure_of_another_version_is_made_anew(clock: list[float]) -> None:
    """What was counted before midnight says nothing of the day that has begun."""
    figures = Figures()

    assert figures.get("days", lambda: "monday", version=1) == "monday"
    assert figures.get("days", lambda: "tuesday", version=1) == "monday"
    assert figures.get("days", lambda: "tuesday", version=2) == "tuesday"


def test_while_one_asks_anew_the_others_see_what_was(clock: list[float]) -> None:
    """A slow question holds up whoever asks it, and nobody else, whatever they look at."""
    figures = Figures()
    figures.get("slow", lambda: "old")
    clock[0] += 60.0
    is_asking, may_answer = threading.Event(), threading.Event()

    def make_slowly() -> str:
        is_asking.set()
        assert may_answer.wait(30)
        return "new"

    thread = threading.Thread(target=figures.get, args=("slow", make_slowly))
    thread.start()
    try:
        assert is_asking.wait(30)
        seen = figures.get("slow", lambda: "asked twice"), figures.get("quick", lambda: "quick")
    finally:
        may_answer.set()
        thread.join()

    assert seen == ("old", "quick")
    assert figures.get("slow", lambda: "asked twice") == "new"


def test_a_failed_question_is_asked_again(clock: list[float]) -> None:
    """It leaves neither an answer nor a lock."""
    figures = Figures()

    with pytest.raises(ZeroDivisionError):
        figures.get("broken", lambda: 1 / 0)

    assert figures.get("broken", lambda: "whole") == "whole"
