"""What a classifier says of itself: the manifest of its bundle, checked when it is read."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from worker.pipeline.calibration import Calibration
from worker.pipeline.precision import MeasuredPrecision
from worker.pipeline.results import AGGREGATIONS

FORMAT = 1
COLOUR_ORDER = "RGB"

CALIBRATED = ("face", *AGGREGATIONS, "image")
"""What a bundle holds a calibration for; of "face" there are no thresholds, since no verdict is made of one."""
WITH_THRESHOLDS = (*AGGREGATIONS, "image")

LARGEST_INPUT_PX = 2048

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """A manifest of format 1.

    Args:
        name: of the classifier.
        version: of the classifier.
        preprocessing_version: of the code that cut the faces it learned from.
        files: SHA-256 of each file of the bundle, by name.
        input_size_px: side of the network's input.
        normalisation: what the network's first layer does, for people.
        crop_margin: side of a crop over the longer side of a face's box.
        detector_name: which face detector it learned with.
        detector_sha256: of that detector's file.
        calibration: of "face" and "image" (of a logit) and of each aggregation (of a raw score's log odds).
        thresholds: of "image" and each aggregation: `real_below`, `fake_from`, and how they were chosen.
        training: fingerprint and sources of what it learned from.
        metrics: figures on held-out sources.
        heat_span: logits of a place of a heat map that get the fullest colour; None where nobody measured it.
        precisions: how the network compares with float32 in others, by their names; empty where nobody measured it.
    """

    name: str
    version: str
    preprocessing_version: int
    files: Mapping[str, str]
    input_size_px: int
    normalisation: Mapping[str, Any]
    crop_margin: float
    detector_name: str
    detector_sha256: str
    calibration: Mapping[str, Calibration]
    thresholds: Mapping[str, Mapping[str, Any]]
    training: Mapping[str, Any]
    metrics: Mapping[str, Any]
    heat_span: float | None = None
    precisions: Mapping[str, MeasuredPrecision] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.input_size_px <= LARGEST_INPUT_PX:
            raise ValueError(f"input_size_px must be in 1..{LARGEST_INPUT_PX}, got {self.input_size_px}")
        if not (math.isfinite(self.crop_margin) and self.crop_margin > 0):
            raise ValueError(f"crop_margin must be positive, got {self.crop_margin}")
        if self.heat_span is not None and not (math.isfinite(self.heat_span) and self.heat_span > 0):
            raise ValueError(f"heat_span_logits must be positive, got {self.heat_span}")
        for name, sha256 in self.files.items():
            if not _SHA256.fullmatch(sha256):
                raise ValueError(f"files: {name!r} has no SHA-256 but {sha256!r}")
        _require_names("calibration", self.calibration, CALIBRATED)
        _require_names("thresholds", self.thresholds, WITH_THRESHOLDS)
        for name, chosen in self.thresholds.items():
            real_below, fake_from = _number(chosen, "real_below"), _number(chosen, "fake_from")
            if not 0 <= real_below <= fake_from <= 1:
                raise ValueError(
                    f"thresholds of {name!r} must satisfy 0 <= real_below <= fake_from <= 1, "
                    f"got {real_below} and {fake_from}"
                )

    @classmethod
    def from_json(cls, found: Any) -> Self:
        """The manifest in a parsed JSON document.

        Raises:
            ValueError: something is missing, of another type, or out of its range.
        """
        if _whole(found, "format") != FORMAT:
            raise ValueError(f"format is {found['format']}")
        if _text(found, "colour_order") != COLOUR_ORDER:
            raise ValueError(f"colour_order is {found['colour_order']!r}, and must be {COLOUR_ORDER!r}")
        detector = _mapping(found, "detector")
        return cls(
            name=_text(found, "name"),
            version=_text(found, "version"),
            preprocessing_version=_whole(found, "preprocessing_version"),
            files={name: _as_text(sha256, f"files: {name}") for name, sha256 in _mapping(found, "files").items()},
            input_size_px=_whole(found, "input_size_px"),
            normalisation=_mapping(found, "normalisation"),
            crop_margin=_number(found, "crop_margin"),
            detector_name=_text(detector, "name"),
            detector_sha256=_text(detector, "sha256"),
            calibration={
                name: Calibration(slope=_number(fitted, "slope"), intercept=_number(fitted, "intercept"))
                for name, fitted in _mapping(found, "calibration").items()
            },
            thresholds={name: dict(chosen) for name, chosen in _mappings(found, "thresholds")},
            training=_mapping(found, "training"),
            metrics=_mapping(found, "metrics"),
            heat_span=_number(found, "heat_span_logits") if "heat_span_logits" in found else None,
            precisions=_precisions(found),
        )

    def to_json(self) -> dict[str, Any]:
        """The JSON document that `from_json` reads."""
        return {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "preprocessing_version": self.preprocessing_version,
            "files": dict(self.files),
            "input_size_px": self.input_size_px,
            "colour_order": COLOUR_ORDER,
            "normalisation": dict(self.normalisation),
            "crop_margin": self.crop_margin,
            "detector": {"name": self.detector_name, "sha256": self.detector_sha256},
            "calibration": {
                name: {"slope": fitted.slope, "intercept": fitted.intercept}
                for name, fitted in self.calibration.items()
            },
            "thresholds": {name: dict(chosen) for name, chosen in self.thresholds.items()},
            "training": dict(self.training),
            "metrics": dict(self.metrics),
            **({} if self.heat_span is None else {"heat_span_logits": self.heat_span}),
            **({"precisions": {n: p.to_json() for n, p in self.precisions.items()}} if self.precisions else {}),
        }


def _precisions(found: Any) -> dict[str, MeasuredPrecision]:
    if "precisions" not in found:
        return {}
    return {
        name: MeasuredPrecision(
            logit_shift=_number(measured, "logit_shift"),
            score_gap_mean=_number(measured, "score_gap_mean"),
            score_gap_max=_number(measured, "score_gap_max"),
            verdict_agreement=_number(measured, "verdict_agreement"),
            faces=_whole(measured, "faces"),
        )
        for name, measured in _mappings(found, "precisions")
    }


def _require_names(what: str, found: Mapping[str, Any], names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"{what} has nothing for {', '.join(missing)}")


def _field(found: Any, name: str) -> Any:
    if not isinstance(found, Mapping) or name not in found:
        raise ValueError(f"{name} is missing")
    return found[name]


def _text(found: Any, name: str) -> str:
    return _as_text(_field(found, name), name)


def _whole(found: Any, name: str) -> int:
    value = _field(found, name)
    # True is an int to Python.
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(name, "a whole number", value)
    return value


def _as_text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _wrong_type(name, "a text", value)
    return value


def _number(found: Any, name: str) -> float:
    value = _field(found, name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong_type(name, "a number", value)
    return float(value)


def _mapping(found: Any, name: str) -> Mapping[str, Any]:
    value = _field(found, name)
    if not isinstance(value, Mapping):
        raise _wrong_type(name, "an object", value)
    return value


def _mappings(found: Any, name: str) -> list[tuple[str, Mapping[str, Any]]]:
    values = _mapping(found, name)
    return [(key, _mapping(values, key)) for key in values]


def _wrong_type(name: str, wanted: str, value: object) -> ValueError:
    return ValueError(f"{name} must be {wanted}, got {value!r}")
