"""The end of a run, foretold."""

import pytest

from training.pace import Pace, duration_words, fold_line
from training.recipe import Recipe


class _Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_the_end_of_the_whole_run_is_foretold() -> None:
    """Two fits of two epochs and their judging, at the speed of the first epoch."""
    clock = _Clock()
    pace = Pace(Recipe(epochs=2, rows_per_epoch=100, batch=10), clock=clock)
    pace.expect("fold 1", judged_after=200)
    pace.expect("kept")
    assert pace.remaining_s is None

    clock.now = 10.0
    pace.epoch_done("fold 1")

    # 100 faces took 10 s; 300 are left to learn from, and judging 200 is the work of 70.
    assert pace.remaining_s == 37.0


def test_what_an_earlier_run_did_is_not_foretold_again() -> None:
    """An epoch that an interrupted run had done counts neither as work nor as speed."""
    clock = _Clock()
    pace = Pace(Recipe(epochs=3, rows_per_epoch=100, batch=10), clock=clock)
    pace.expect("fold 1", epochs_done=1)

    clock.now = 8.0
    pace.epoch_done("fold 1")

    assert pace.remaining_s == 8.0


def test_epochs_that_were_not_needed_drop_out() -> None:
    """A fit that ended early leaves nothing to wait for."""
    clock = _Clock()
    pace = Pace(Recipe(epochs=5, rows_per_epoch=100, batch=10), clock=clock)
    pace.expect("fold 1")
    pace.expect("fold 2")
    clock.now = 10.0
    pace.epoch_done("fold 1")

    clock.now = 20.0
    pace.epoch_done("fold 2")

    assert pace.remaining_s == 40.0


def test_judging_alone_is_foretold_too() -> None:
    """Without epochs the folds that were judged give the speed."""
    clock = _Clock()
    pace = Pace(Recipe(epochs=0), clock=clock)
    pace.expect("fold 1", judged_after=100)
    pace.expect("fold 2", judged_after=300)

    clock.now = 5.0
    pace.fit_done("fold 1")

    assert pace.remaining_s == pytest.approx(15.0)
    assert fold_line("fold 1", 2, 0.8765, 15.0) == (
        "fold 1 of 2 is judged: AUC 0.876 of single faces; the whole run: 15 s left"
    )
    assert fold_line("fold 1", 2, float("nan"), None) == "fold 1 of 2 is judged: one class only"


def test_durations_are_rounded_to_what_matters() -> None:
    """Seconds, then minutes, then hours and minutes."""
    assert [duration_words(seconds) for seconds in (12.4, 89, 600, 11_000)] == ["12 s", "89 s", "10 min", "3 h 03 min"]
