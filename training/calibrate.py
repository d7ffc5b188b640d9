"""Turns held-out scores into probabilities and thresholds that keep a stated share of false alarms."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from training.metrics import threshold_for_fpr
from worker.pipeline.calibration import CLIP, Calibration

FAKE_FROM_FPR = 0.01
REAL_BELOW_FPR = 0.05
# A rate p is taken as measured from about 3 / p examples on: fewer say nothing when none of them fails.
EXAMPLES_FOR_ONE_PER_CENT = 300


@dataclass(frozen=True)
class Thresholds:
    """The scores from which on a video is called fake, and below which it is called real.

    Args:
        fake_from: chosen for 1 % of false alarms.
        real_below: chosen for 5 %.
        real_examples: how many real examples they were chosen on.
        note: what these examples can and cannot show.
    """

    fake_from: float
    real_below: float
    real_examples: int
    note: str

    def to_json(self) -> dict[str, Any]:
        """As in the manifest."""
        return {
            "real_below": round(self.real_below, 6),
            "fake_from": round(self.fake_from, 6),
            "false_positive_rates": {"fake_from": FAKE_FROM_FPR, "real_below": REAL_BELOW_FPR},
            "real_examples": self.real_examples,
            "note": self.note,
        }


def fit_calibration(targets: ArrayLike, logits: ArrayLike, *, prior_strength: float = 1e-2) -> Calibration:
    """Platt scaling (Platt, 1999): slope and intercept by weighted log loss, both classes with equal weight.

    A slope below zero would turn the verdicts round, so it ends at a small positive one.

    Args:
        targets: 1 for fake, 0 for real.
        logits: one per target.
        prior_strength: pull of the slope toward 1, which matters only for a handful of examples.
    """
    truth, values = np.asarray(targets, np.float64), np.asarray(logits, np.float64)
    weights = np.where(truth > 0.5, 0.5 / max(1.0, truth.sum()), 0.5 / max(1.0, (1 - truth).sum()))

    def loss(parameters: NDArray[np.float64]) -> float:
        slope, intercept = np.exp(parameters[0]), parameters[1]
        margin = (slope * values + intercept) * (2 * truth - 1)
        return float((weights * np.logaddexp(0, -margin)).sum() + prior_strength * parameters[0] ** 2)

    found = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-9, "maxiter": 2000})
    return Calibration(slope=float(np.exp(found.x[0])), intercept=float(found.x[1]))


def choose_thresholds(real_scores: ArrayLike) -> Thresholds:
    """Thresholds for 1 % and 5 % of false alarms among real examples, with a note where these are too few.

    With fewer than 300 real examples the 1 % point lies beyond the highest of them; it is then set half-way from the
    highest to 1 on the scale of log odds plus one, and the note says so.
    """
    values = np.clip(np.asarray(real_scores, np.float64), CLIP, 1 - CLIP)
    count = len(values)
    real_below = threshold_for_fpr(values, fpr=REAL_BELOW_FPR)
    if count >= EXAMPLES_FOR_ONE_PER_CENT:
        note = f"chosen on {count} real examples of held-out sources"
        fake_from = threshold_for_fpr(values, fpr=FAKE_FROM_FPR)
    else:
        highest = float(values.max())
        odds = np.log(highest / (1 - highest))
        fake_from = float(1 / (1 + np.exp(-(odds + 0.5))))
        note = (
            f"1 % cannot be measured on {count} real examples: fake_from lies above the highest of them by half a"
            f" unit of log odds; no false alarm among {count} means a rate below {3 / count:.0%} with 95 % certainty"
        )
    return Thresholds(max(fake_from, real_below), real_below, count, note)


def log_odds(scores: ArrayLike) -> NDArray[np.float64]:
    """The logits of scores in 0..1, clipped to stay finite."""
    values = np.clip(np.asarray(scores, np.float64), CLIP, 1 - CLIP)
    return np.asarray(np.log(values / (1 - values)), np.float64)
