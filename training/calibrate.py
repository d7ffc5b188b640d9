"""Turns held-out scores into probabilities and thresholds that keep a stated share of false alarms.

Platt scaling (slope and intercept) rather than temperature scaling (slope alone; Guo et al., ICML 2017): a temperature
keeps a logit of 0 at one half, and on sources that a network never saw the logits of both classes are mostly shifted to
one side. On drawn scores with such a shift Platt scaling has less than half of the calibration error; on drawn scores
without one, 49 real and 46 fake, its log loss is worse by less than 0.01 (tests/unit/training/test_calibrate.py).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize, minimize_scalar

from training.errors import TrainingError
from training.metrics import threshold_for_fpr
from worker.pipeline.calibration import CLIP, Calibration

FAKE_FROM_FPR = 0.01
REAL_BELOW_FPR = 0.05
EXAMPLES_OVER_RATE = 3
"""A rate p is taken as measured from 3 / p examples on: that many without a failure rule out p with 95 % certainty."""


@dataclass(frozen=True)
class Thresholds:
    """The scores from which on a video is called fake, and below which it is called real.

    Args:
        fake_from: chosen for the lower rate of false alarms.
        real_below: chosen for the higher one; what lies between is uncertain.
        real_examples: how many real examples they were chosen on.
        note: what these examples can and cannot show.
        fake_from_fpr: the rate that `fake_from` was chosen for.
        real_below_fpr: the rate that `real_below` was chosen for.
    """

    fake_from: float
    real_below: float
    real_examples: int
    note: str
    fake_from_fpr: float = FAKE_FROM_FPR
    real_below_fpr: float = REAL_BELOW_FPR

    def to_json(self) -> dict[str, Any]:
        """As in the manifest."""
        return {
            "real_below": round(self.real_below, 6),
            "fake_from": round(self.fake_from, 6),
            "false_positive_rates": {"fake_from": self.fake_from_fpr, "real_below": self.real_below_fpr},
            "real_examples": self.real_examples,
            "note": self.note,
        }


def fit_calibration(targets: ArrayLike, logits: ArrayLike, *, prior_strength: float = 1.0) -> Calibration:
    """Platt scaling (Platt, 1999): slope and intercept by weighted log loss, both classes with equal weight.

    A slope below zero would turn the verdicts round, so it ends at a small positive one.

    Args:
        targets: 1 for fake, 0 for real.
        logits: one per target.
        prior_strength: pull of the slope toward 1, in examples, so that it matters only where these are a handful.
    """
    truth, values = np.asarray(targets, np.float64), np.asarray(logits, np.float64)

    def loss(parameters: NDArray[np.float64]) -> float:
        slope, intercept = np.exp(parameters[0]), parameters[1]
        prior = prior_strength * parameters[0] ** 2 / max(1, len(values))
        return _balanced_loss(truth, slope * values + intercept) + float(prior)

    found = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-9, "maxiter": 2000})
    return Calibration(slope=float(np.exp(found.x[0])), intercept=float(found.x[1]))


def fit_temperature(targets: ArrayLike, logits: ArrayLike) -> Calibration:
    """Temperature scaling (Guo et al., ICML 2017) with both classes of equal weight: the slope is 1 / temperature."""
    truth, values = np.asarray(targets, np.float64), np.asarray(logits, np.float64)
    found = minimize_scalar(lambda log_slope: _balanced_loss(truth, np.exp(log_slope) * values), bounds=(-6, 6))
    return Calibration(slope=float(np.exp(found.x)), intercept=0.0)


def choose_thresholds(
    real_scores: ArrayLike, *, fake_from_fpr: float = FAKE_FROM_FPR, real_below_fpr: float = REAL_BELOW_FPR
) -> Thresholds:
    """Thresholds for two rates of false alarms among real examples, with a note where these are too few.

    With fewer than 3 / rate real examples (300 for 1 %) the lower rate cannot be measured; `fake_from` is then set
    above the highest of them by half a unit of log odds, and the note says so.

    Args:
        real_scores: calibrated scores of real examples that nothing was fitted to, 0..1.
        fake_from_fpr: at most this share of them may be called fake.
        real_below_fpr: at most this share of them may be called uncertain or fake.

    Raises:
        TrainingError: there is no score, or the rates are not 0 < fake_from_fpr <= real_below_fpr < 1.
    """
    values = np.clip(np.asarray(real_scores, np.float64), CLIP, 1 - CLIP)
    count = len(values)
    if not count:
        raise TrainingError("thresholds need real examples, and there is none: add real pictures or videos")
    if not 0 < fake_from_fpr <= real_below_fpr < 1:
        raise TrainingError(
            "rates of false alarms must satisfy 0 < fake_from <= real_below < 1,"
            f" got {fake_from_fpr} and {real_below_fpr}"
        )
    real_below = threshold_for_fpr(values, fpr=real_below_fpr)
    if count >= EXAMPLES_OVER_RATE / fake_from_fpr:
        note = f"chosen on {count} real examples of held-out sources"
        fake_from = threshold_for_fpr(values, fpr=fake_from_fpr)
    else:
        highest = float(values.max())
        fake_from = 1 / (1 + math.exp(-(math.log(highest / (1 - highest)) + 0.5)))
        note = (
            f"{fake_from_fpr * 100:.3g} % cannot be measured on {count} real examples: fake_from lies above the highest"
            f" of them by half a unit of log odds; no false alarm among {count} means a rate below"
            f" {EXAMPLES_OVER_RATE / count:.0%} with 95 % certainty"
        )
    return Thresholds(max(fake_from, real_below), real_below, count, note, fake_from_fpr, real_below_fpr)


def log_odds(scores: ArrayLike) -> NDArray[np.float64]:
    """The logits of scores in 0..1, clipped to stay finite."""
    values = np.clip(np.asarray(scores, np.float64), CLIP, 1 - CLIP)
    return np.asarray(np.log(values / (1 - values)), np.float64)


def _balanced_loss(truth: NDArray[np.float64], margins: NDArray[np.float64]) -> float:
    """The log loss of logits, both classes with equal weight."""
    weights = np.where(truth > 0.5, 0.5 / max(1.0, truth.sum()), 0.5 / max(1.0, (1 - truth).sum()))
    return float((weights * np.logaddexp(0, -margins * (2 * truth - 1))).sum())
