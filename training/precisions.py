"""Adds int8 and bfloat16 to a bundle: quantises its network, and compares both with float32 on real faces."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.bundle import INT8_FILE, OPENVINO_FILE
from worker.pipeline.calibration import Calibration
from worker.pipeline.openvino_classifier import OpenvinoNetwork
from worker.pipeline.openvino_network import load_openvino, processor_capabilities, read_network
from worker.pipeline.precision import MeasuredPrecision, Precision

MIN_CROPS = 64
"""Fewer faces show too little of what the layers meet; a bundle made of less stays with float32."""


def measure_precisions(
    directory: Path, crops: NDArray[np.uint8], *, calibration: Calibration, thresholds: Mapping[str, Any]
) -> dict[str, MeasuredPrecision]:
    """Writes the int8 network beside the float32 one, and says how it and bfloat16 compare; nothing for few crops.

    Args:
        directory: of the bundle, with its OpenVINO network.
        crops: (n, size, size, 3) uint8 of faces from the training material; every other one tunes, the rest measure.
        calibration: of "image".
        thresholds: of "image".
    """
    if len(crops) < MIN_CROPS:
        return {}
    tuning, measuring = crops[::2], crops[1::2]
    exact = _Compared(directory / OPENVINO_FILE, "float32", tuning, measuring)
    quantise(directory / OPENVINO_FILE, directory / INT8_FILE, tuning)
    others = [_Compared(directory / INT8_FILE, "int8", tuning, measuring)]
    # Without units for it OpenVINO calculates otherwise, which would measure something else.
    if "BF16" in processor_capabilities():
        others.insert(0, _Compared(directory / OPENVINO_FILE, "bfloat16", tuning, measuring))
    return {other.precision: _gap(exact, other, calibration, thresholds) for other in others}


def quantise(source: Path, target: Path, crops: NDArray[np.uint8]) -> None:
    """Writes the network in int8 (post-training quantisation by NNCF), its ranges taken from crops."""
    openvino = load_openvino()
    # After OpenVINO, which keeps it from reporting home; it takes seconds.
    import nncf  # noqa: PLC0415

    nncf.set_log_level(logging.ERROR)
    network = read_network(source)
    network.reshape([-1, *crops.shape[1:]])
    quantised = nncf.quantize(
        network,
        nncf.Dataset([crop[None].astype(np.float32) for crop in crops]),
        subset_size=len(crops),
        preset=nncf.QuantizationPreset.MIXED,
    )
    openvino.save_model(quantised, target, compress_to_fp16=False)


class _Compared:
    """The logits that a network gives in one precision."""

    def __init__(
        self, path: Path, precision: Precision, tuning: NDArray[np.uint8], measuring: NDArray[np.uint8]
    ) -> None:
        self.precision = precision
        network = OpenvinoNetwork(path, size_px=tuning.shape[1], threads=2, precision=precision)
        self.tuning, self.measuring = (_logits(network, crops) for crops in (tuning, measuring))


def _logits(network: OpenvinoNetwork, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
    parts = [network.run(crops[at : at + network.batch_size])[0] for at in range(0, len(crops), network.batch_size)]
    return np.concatenate(parts).astype(np.float64).reshape(-1)


def _gap(
    exact: _Compared, other: _Compared, calibration: Calibration, thresholds: Mapping[str, Any]
) -> MeasuredPrecision:
    # Rounded as the manifest keeps it, so that what is measured is what will be added.
    shift = round(float((exact.tuning - other.tuning).mean()), 5)
    expected, found = (
        np.array([calibration.apply(logit) for logit in logits.tolist()])
        for logits in (exact.measuring, other.measuring + shift)
    )
    gaps = np.abs(expected - found)
    return MeasuredPrecision(
        logit_shift=shift,
        score_gap_mean=float(gaps.mean()),
        score_gap_max=float(gaps.max()),
        verdict_agreement=float((_verdicts(expected, thresholds) == _verdicts(found, thresholds)).mean()),
        faces=len(expected),
    )


def _verdicts(scores: NDArray[np.float64], thresholds: Mapping[str, Any]) -> NDArray[np.int64]:
    """0 for real, 1 for uncertain, 2 for fake."""
    return np.searchsorted([thresholds["real_below"], thresholds["fake_from"]], scores, side="right")
