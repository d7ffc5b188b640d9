"""Measures scores against labels: ranking, decisions, calibration.

Every measure takes weights, so that a bootstrap (`training.intervals`) sorts the scores once and then only counts anew.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]

CALLED_FAKE_FROM = 0.5
"""Where calibrated scores are cut for accuracy, precision and recall: as likely fake as real."""
EXAMPLES_FOR_ONE_PER_CENT = 300
EXAMPLES_FOR_FIVE_PER_CENT = 60
"""A rate p is taken as measured from about 3 / p examples on: fewer say nothing when none of them fails."""
BINS = 10
_CLIP = 1e-6
# Sums of weights are compared with shares of their total, and differ from these by rounding.
_ROUNDING = 1e-9


class Ranked:
    """Scores in falling order with their labels.

    Args:
        targets: 1 for fake, 0 for real.
        scores: one per target; probabilities where calibration is measured.
    """

    def __init__(self, targets: ArrayLike, scores: ArrayLike) -> None:
        truth, values = np.asarray(targets, np.float64), np.asarray(scores, np.float64)
        if truth.shape != values.shape or truth.ndim != 1:
            raise ValueError(f"targets and scores must be as many, got {truth.shape} and {values.shape}")
        self.order = np.argsort(-values, kind="stable")
        self.truth, self.values = truth[self.order], values[self.order]
        # The last place of each run of equal scores: a threshold takes all of them or none.
        self._ends = np.flatnonzero(np.append(np.diff(self.values) != 0, True)) if len(values) else np.empty(0, int)

    def counts(self, weights: Vector) -> tuple[Vector, Vector]:
        """How many real and how many fake lie at or above each distinct score, falling, from (0, 0)."""
        fake = np.cumsum(weights * self.truth)[self._ends]
        real = np.cumsum(weights * (1 - self.truth))[self._ends]
        return np.append(0.0, real), np.append(0.0, fake)


@dataclass(frozen=True)
class Roc:
    """The points of a ROC curve, from (0, 0) to (1, 1): shares of real and of fake called fake."""

    false_rates: Vector
    true_rates: Vector


def roc_curve(targets: ArrayLike, scores: ArrayLike, weights: Vector | None = None) -> Roc:
    """The ROC curve; both classes must be there."""
    ranked = Ranked(targets, scores)
    return roc_of(ranked, np.ones(len(ranked.values)) if weights is None else weights[ranked.order])


def roc_of(ranked: Ranked, weights: Vector) -> Roc:
    """The ROC curve under weights in the order of `ranked`."""
    real, fake = ranked.counts(weights)
    return Roc(real / real[-1], fake / fake[-1])


def roc_auc(targets: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve, ties counting half; nan where a class is missing."""
    return auc_of(*_evenly(targets, scores)) if len(np.unique(np.asarray(targets))) == 2 else float("nan")


def equal_error_rate(targets: ArrayLike, scores: ArrayLike) -> float:
    """The rate at which as many real are called fake as fake are called real, between the points of the ROC curve."""
    return _equal_rate(roc_of(*_evenly(targets, scores)))


def average_precision(targets: ArrayLike, scores: ArrayLike) -> float:
    """The mean precision over the steps of recall, without interpolation."""
    ranked, weights = _evenly(targets, scores)
    return _mean_precision(*ranked.counts(weights))


def tpr_at_fpr(targets: ArrayLike, scores: ArrayLike, *, fpr: float) -> float:
    """The share of fakes found by the lowest threshold that calls at most `fpr` of the real ones fake."""
    return _height_at(roc_of(*_evenly(targets, scores)), fpr)


def threshold_for_fpr(real_scores: ArrayLike, *, fpr: float) -> float:
    """The lowest threshold T at which at most `fpr` of the real scores are T or more."""
    values = np.sort(np.asarray(real_scores, np.float64))[::-1]
    allowed = int(np.floor(fpr * len(values) + _ROUNDING))
    if allowed >= len(values):
        return float(values[-1])
    return float(np.nextafter(values[allowed], np.inf))


def calibration_error(targets: ArrayLike, probabilities: ArrayLike, *, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal width (Guo et al., ICML 2017)."""
    ranked, weights = _evenly(targets, probabilities)
    return calibration_error_of(ranked, weights, bins=bins)


def balanced_accuracy(targets: ArrayLike, probabilities: ArrayLike, *, threshold: float = CALLED_FAKE_FROM) -> float:
    """The mean of the shares of real and of fake that are called right."""
    ranked, weights = _evenly(targets, probabilities)
    called = ranked.values >= threshold
    shares = [(weights * (truth * right)).sum() / (weights * truth).sum() for truth, right in _sides(ranked, called)]
    return float(sum(shares) / 2)


def measure(targets: ArrayLike, probabilities: ArrayLike) -> dict[str, float | int | None]:
    """Every figure of one set of calibrated scores; of one class alone, those that need no other.

    "tpr_at_1_fpr" is None with fewer than 300 real examples. "calibration_error", "brier" and "log_loss" are of the
    examples as they are; "calibration_error_balanced" gives both classes the same weight.
    """
    ranked, weights = _evenly(targets, probabilities)
    counts = {"real": int((ranked.truth < 0.5).sum()), "fake": int((ranked.truth > 0.5).sum())}
    return {**counts, **measure_ranked(ranked, weights)}


def measure_ranked(ranked: Ranked, weights: Vector) -> dict[str, float | None]:
    """The figures of `measure` under weights in the order of `ranked`."""
    found: dict[str, float | None] = {}
    reals, fakes = float((weights * (1 - ranked.truth)).sum()), float((weights * ranked.truth).sum())
    if reals and fakes:
        above = ranked.counts(weights)
        roc = Roc(above[0] / reals, above[1] / fakes)
        found = {
            "auc": _area(roc),
            "eer": _equal_rate(roc),
            "average_precision": _mean_precision(*above),
            **_decisions(ranked, weights, reals, fakes),
            "tpr_at_5_fpr": _height_at(roc, 0.05),
            "tpr_at_1_fpr": _height_at(roc, 0.01) if reals >= EXAMPLES_FOR_ONE_PER_CENT else None,
            "calibration_error_balanced": balanced_error_of(ranked, weights),
        }
    values, total = np.clip(ranked.values, _CLIP, 1 - _CLIP), max(reals + fakes, 1.0)
    losses = ranked.truth * np.log(values) + (1 - ranked.truth) * np.log(1 - values)
    return {
        **found,
        "log_loss": float(-(weights * losses).sum() / total),
        "brier": float((weights * (ranked.values - ranked.truth) ** 2).sum() / total),
        "calibration_error": calibration_error_of(ranked, weights),
    }


def auc_of(ranked: Ranked, weights: Vector) -> float:
    """The area under the ROC curve under weights."""
    return _area(roc_of(ranked, weights))


def calibration_error_of(ranked: Ranked, weights: Vector, *, bins: int = BINS) -> float:
    """The expected calibration error under weights."""
    places = np.minimum((ranked.values * bins).astype(int), bins - 1)
    gaps = np.bincount(places, weights * (ranked.truth - ranked.values), minlength=bins)
    return float(np.abs(gaps).sum() / max(weights.sum(), _ROUNDING))


def balanced_error_of(ranked: Ranked, weights: Vector) -> float:
    """The expected calibration error with both classes of equal weight, which is what calibrations are fitted for."""
    fakes, reals = (weights * ranked.truth).sum(), (weights * (1 - ranked.truth)).sum()
    share = np.where(ranked.truth > 0.5, 0.5 / max(fakes, _ROUNDING), 0.5 / max(reals, _ROUNDING))
    return calibration_error_of(ranked, weights * share)


def rounded(value: Any, digits: int = 4) -> Any:
    """The same structure with every float rounded, for files that people read; what is not finite becomes None."""
    if isinstance(value, float):
        return round(value, digits) if np.isfinite(value) else None
    if isinstance(value, dict):
        return {name: rounded(part, digits) for name, part in value.items()}
    return [rounded(part, digits) for part in value] if isinstance(value, list | tuple) else value


def _evenly(targets: ArrayLike, scores: ArrayLike) -> tuple[Ranked, Vector]:
    ranked = Ranked(targets, scores)
    return ranked, np.ones(len(ranked.values))


def _area(roc: Roc) -> float:
    return float(np.trapezoid(roc.true_rates, roc.false_rates))


def _equal_rate(roc: Roc) -> float:
    gaps = roc.false_rates + roc.true_rates - 1
    after = int(np.argmax(gaps >= -_ROUNDING))
    before = max(after - 1, 0)
    rise = gaps[after] - gaps[before]
    part = -gaps[before] / rise if rise > 0 else 0.0
    return float(roc.false_rates[before] + part * (roc.false_rates[after] - roc.false_rates[before]))


def _mean_precision(real: Vector, fake: Vector) -> float:
    precision = fake[1:] / np.maximum(real[1:] + fake[1:], _ROUNDING)
    return float((np.diff(fake) * precision).sum() / fake[-1])


def _height_at(roc: Roc, false_rate: float) -> float:
    return float(roc.true_rates[roc.false_rates <= false_rate + _ROUNDING].max())


def _sides(ranked: Ranked, called: NDArray[np.bool_]) -> list[tuple[Vector, NDArray[np.bool_]]]:
    return [(ranked.truth, called), (1 - ranked.truth, ~called)]


def _decisions(ranked: Ranked, weights: Vector, reals: float, fakes: float) -> dict[str, float | None]:
    """What comes of calling every score of 0.5 or more fake."""
    called = weights * (ranked.values >= CALLED_FAKE_FROM)
    hits, alarms = float((called * ranked.truth).sum()), float((called * (1 - ranked.truth)).sum())
    precision, recall = hits / max(hits + alarms, _ROUNDING), hits / fakes
    return {
        "balanced_accuracy": (recall + 1 - alarms / reals) / 2,
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(precision + recall, _ROUNDING),
    }
