"""Turns a classifier's raw output into a probability (Platt, 1999)."""

import math
from dataclasses import dataclass

CLIP = 1e-6
"""Raw scores are kept this far from 0 and 1, so that their log odds stay finite."""


@dataclass(frozen=True)
class Calibration:
    """probability = sigmoid(slope * logit + intercept); fitted on held-out sources.

    Args:
        slope: positive, so that a calibration never turns verdicts round.
        intercept: finite.
    """

    slope: float
    intercept: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and self.slope > 0 and math.isfinite(self.intercept)):
            raise ValueError(
                f"a calibration needs a positive slope and a finite intercept, got {self.slope} and {self.intercept}"
            )

    def apply(self, logit: float) -> float:
        """The probability, 0..1, of a raw output."""
        margin = self.slope * logit + self.intercept
        # Either form alone overflows on one side.
        if margin >= 0:
            return 1.0 / (1.0 + math.exp(-margin))
        grown = math.exp(margin)
        return grown / (1.0 + grown)

    def apply_to_score(self, raw: float) -> float:
        """The probability, 0..1, of a score that is itself near one: an aggregate of calibrated scores."""
        return self.apply(log_odds(raw))


def log_odds(score: float) -> float:
    """The logit of a score in 0..1, clipped to stay finite."""
    kept = min(max(score, CLIP), 1.0 - CLIP)
    return math.log(kept / (1.0 - kept))
