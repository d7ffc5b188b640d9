"""What a threshold makes of a score."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["fake", "real", "uncertain"]
VERDICTS: tuple[Verdict, ...] = ("fake", "real", "uncertain")


@dataclass(frozen=True)
class Thresholds:
    """From `fake_from` on a score is fake, under `real_below` it is real, between them it is uncertain."""

    real_below: float
    fake_from: float

    def __post_init__(self) -> None:
        if not 0 <= self.real_below <= self.fake_from <= 1:
            raise ValueError(
                "thresholds must satisfy 0 <= real_below <= fake_from <= 1, "
                f"got real_below {self.real_below} and fake_from {self.fake_from}"
            )


def verdict_of(score: float, thresholds: Thresholds) -> Verdict:
    """The verdict on one score, 0..1."""
    if score >= thresholds.fake_from:
        return "fake"
    return "real" if score < thresholds.real_below else "uncertain"


def thresholds_of(manifest: Mapping[str, Any], aggregate: str) -> Thresholds:
    """The thresholds that a classifier was shipped with, for one aggregation.

    Raises:
        ValueError: the manifest has none for it.
    """
    found = known_thresholds(manifest, aggregate)
    if found is None:
        known = manifest.get("thresholds", {})
        raise ValueError(
            f"the classifier {manifest.get('name')} {manifest.get('version')} has no thresholds "
            f"for {aggregate!r}, only for {', '.join(known) or 'nothing'}: "
            "give --threshold or another --aggregate"
        )
    return found


def known_thresholds(manifest: Mapping[str, Any], aggregate: str) -> Thresholds | None:
    """The same, None where the manifest has none for it."""
    known = manifest.get("thresholds", {}).get(aggregate)
    return None if known is None else Thresholds(real_below=known["real_below"], fake_from=known["fake_from"])


def kept_thresholds(real_below: float | None, fake_from: float | None) -> Thresholds | None:
    """The thresholds of a row, None where it has none."""
    return None if real_below is None or fake_from is None else Thresholds(real_below, fake_from)


def single_threshold(value: float) -> Thresholds:
    """One threshold for both sides, as `--threshold` sets it: nothing is uncertain."""
    return Thresholds(real_below=value, fake_from=value)
