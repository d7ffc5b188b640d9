"""Chooses how exactly a network calculates: float32, or what is faster where the processor can and scores allow it."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from worker.pipeline.errors import BundleError

Precision = Literal["float32", "bfloat16", "int8"]
WantedPrecision = Literal["auto", "float32", "bfloat16", "int8"]

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "int8")
WANTED_PRECISIONS = ("auto", *PRECISIONS)

MAX_SCORE_GAP = 0.01
"""Mean absolute difference of scores from float32's that is no loss."""
MIN_VERDICT_AGREEMENT = 0.98
"""Share of faces that get the same verdict; those that change lie within the gap of a threshold."""

_CAPABILITY = {"bfloat16": "BF16", "int8": "INT8"}
"""What OpenVINO calls a processor's own units for it. Where it has none, it would calculate as if, and slowly."""


@dataclass(frozen=True)
class MeasuredPrecision:
    """How a network that calculates less exactly compares with itself in float32, on faces that it was not tuned on.

    Args:
        logit_shift: added to each logit, so that the mean is float32's.
        score_gap_mean: mean absolute difference of scores, with the shift.
        score_gap_max: the largest.
        verdict_agreement: share of faces with the same verdict.
        faces: how many were compared.
    """

    logit_shift: float
    score_gap_mean: float
    score_gap_max: float
    verdict_agreement: float
    faces: int

    def __post_init__(self) -> None:
        values = (self.logit_shift, self.score_gap_mean, self.score_gap_max, self.verdict_agreement)
        if not all(map(math.isfinite, values)):
            raise ValueError(f"precisions must hold finite numbers, got {values}")

    @property
    def is_accepted(self) -> bool:
        """Whether its scores are as good as float32's."""
        return self.score_gap_mean <= MAX_SCORE_GAP and self.verdict_agreement >= MIN_VERDICT_AGREEMENT

    def to_json(self) -> dict[str, Any]:
        """As it stands in a manifest; `accepted` is for people."""
        return {
            "logit_shift": round(self.logit_shift, 5),
            "score_gap_mean": round(self.score_gap_mean, 5),
            "score_gap_max": round(self.score_gap_max, 5),
            "verdict_agreement": round(self.verdict_agreement, 5),
            "faces": self.faces,
            "accepted": self.is_accepted,
        }


def choose_precision(
    wanted: WantedPrecision, measured: Mapping[str, MeasuredPrecision], capabilities: Collection[str]
) -> Precision:
    """How a classifier calculates on a processor.

    Args:
        wanted: `auto` takes the fastest whose scores were accepted, and a name insists.
        measured: from the bundle's manifest.
        capabilities: of the processor, in OpenVINO's words.

    Raises:
        BundleError: the bundle or the processor has not what is insisted on.
    """
    if wanted == "float32":
        return wanted
    able = usable_precisions(capabilities)
    if wanted == "auto":
        # In the order of the table: bfloat16 is as fast as int8 where there are units for both, and more exact.
        return next((name for name in able if name in measured and measured[name].is_accepted), "float32")
    if wanted not in able:
        raise BundleError(
            f"FAKESWEEP_PRECISION is {wanted}, for which this processor has no units: set it to auto or float32"
        )
    if wanted not in measured:
        raise BundleError(
            f"FAKESWEEP_PRECISION is {wanted}, which this classifier was not made for: set it to auto, or add it with "
            "`fakesweep classifiers quantise`"
        )
    return wanted


def detector_precision(wanted: WantedPrecision, capabilities: Collection[str]) -> Precision:
    """How the face detector calculates: in bfloat16 where the processor can, and float32 is not insisted on.

    There is no int8: see docs/decisions.
    """
    return "bfloat16" if wanted != "float32" and _CAPABILITY["bfloat16"] in capabilities else "float32"


def usable_precisions(capabilities: Collection[str]) -> list[Precision]:
    """Those that a processor calculates in with units of its own, float32 first."""
    return [name for name in PRECISIONS if name == "float32" or _CAPABILITY[name] in capabilities]
