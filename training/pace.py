"""Tells how long the whole run still takes, all its fits and judging together."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.checkpoints import CurvePoint
from training.recipe import Recipe

# Judging a face is the forward pass alone; training it is about three times the work.
_JUDGING = 0.35


@dataclass
class _Fit:
    name: str
    epochs_left: int
    judged_after: int


class Pace:
    """Follows a run and foretells its end by the work that was done since it started here.

    Args:
        recipe: epochs and rows of each fit.
        validated: faces that each epoch is judged on.
        clock: seconds, rising.
    """

    def __init__(self, recipe: Recipe, *, validated: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._epochs = recipe.epochs
        self._epoch_work = recipe.steps_per_epoch * recipe.batch + _JUDGING * validated
        self._clock = clock
        self._started = clock()
        self._done = 0.0
        self._fits: list[_Fit] = []

    def expect(self, name: str, *, epochs_done: int = 0, judged_after: int = 0) -> None:
        """Another fit will follow those that are expected already.

        Args:
            name: of the fit.
            epochs_done: by an earlier, interrupted run.
            judged_after: faces that are judged when it ends.
        """
        self._fits.append(_Fit(name, self._epochs - epochs_done, judged_after))

    def epoch_done(self, name: str) -> None:
        """An epoch of a fit is done, and with it every fit before."""
        self._end_fits_before(name)
        if self._fits:
            self._fits[0].epochs_left -= 1
            self._done += self._epoch_work

    def fit_done(self, name: str) -> None:
        """A fit is done and judged, with all that came before; epochs that it did not need drop out."""
        self._end_fits_before(name)
        if self._fits:
            self._done += _JUDGING * self._fits.pop(0).judged_after

    @property
    def remaining_s(self) -> float | None:
        """Seconds to the end of the run; None before anything was done."""
        if self._done == 0:
            return None
        left = sum(fit.epochs_left * self._epoch_work + _JUDGING * fit.judged_after for fit in self._fits)
        return (self._clock() - self._started) * left / self._done

    def _end_fits_before(self, name: str) -> None:
        while self._fits and self._fits[0].name != name:
            self._done += _JUDGING * self._fits.pop(0).judged_after


def fold_line(name: str, folds: int, auc: float, remaining_s: float | None) -> str:
    """A fold that was judged, in words; the AUC is nan where the fold has one class."""
    found = "one class only" if math.isnan(auc) else f"AUC {auc:.3f} of single faces"
    return f"{name} of {folds} is judged: {found}{_left(remaining_s)}"


def epoch_line(point: CurvePoint, epochs: int, remaining_s: float | None) -> str:
    """An epoch in words."""
    auc = "" if point.validation_auc is None else f", validation AUC {point.validation_auc:.3f}"
    return (
        f"{point.run}, epoch {point.epoch} of {epochs}: loss {point.loss:.4f}{auc}, rate {point.rate:.1e},"
        f" {point.seconds:.0f} s{_left(remaining_s)}"
    )


def duration_words(seconds: float) -> str:
    """Such as "40 s", "12 min" or "3 h 05 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def names_of_folds(count: int) -> Sequence[str]:
    """The names of the fits of a cross-validation, in their order."""
    return [f"fold {number + 1}" for number in range(count)]


def _left(remaining_s: float | None) -> str:
    return "" if remaining_s is None else f"; the whole run: {duration_words(remaining_s)} left"
