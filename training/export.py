"""Writes a network as Keras file and as OpenVINO network, and holds the two to the same scores."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError

# In float32 the two engines differ by rounding alone; a wrong layout or layer differs by whole units.
PARITY = 1e-3


def export_keras(network: keras.Model, path: Path) -> None:
    """Saves the network without an optimizer, which would double or triple the file."""
    network.save(path, include_optimizer=False)


def export_openvino(network: keras.Model, path: Path) -> None:
    """Saves the OpenVINO network (.xml and .bin beside it) by way of a SavedModel, its fastest form.

    Raises:
        TrainingError: the backend in use cannot write a SavedModel.
    """
    # openvino's converter is needed here only, and importing it takes a second.
    import openvino  # noqa: PLC0415

    if keras.backend.backend() != "tensorflow":
        raise TrainingError(
            f"the OpenVINO network is exported by TensorFlow, and Keras runs on {keras.backend.backend()}"
        )
    with tempfile.TemporaryDirectory() as directory:
        network.export(directory, format="tf_saved_model", verbose=False)
        converted = openvino.convert_model(directory)
    # Half-precision weights would halve the file and cost more than the parity that we promise.
    openvino.save_model(converted, path, compress_to_fp16=False)


def parity_gap(network: keras.Model, openvino_path: Path, crops: NDArray[np.uint8]) -> float:
    """The largest difference of a logit or of a place of a heat map between Keras and OpenVINO, in float32."""
    import openvino  # noqa: PLC0415

    pixels = crops.astype(np.float32)
    expected = network.predict_on_batch(pixels)
    core = openvino.Core()
    compiled = core.compile_model(openvino_path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found: Any = compiled(pixels)
    gaps = [np.abs(np.asarray(found[name]) - np.asarray(expected[name])).max() for name in ("logit", "heat_map")]
    return float(max(gaps))


def require_parity(network: keras.Model, openvino_path: Path, crops: NDArray[np.uint8]) -> float:
    """The gap of `parity_gap`.

    Raises:
        TrainingError: it is above PARITY.
    """
    gap = parity_gap(network, openvino_path, crops)
    if not gap <= PARITY:
        raise TrainingError(f"Keras and OpenVINO differ by {gap:.2g} on {len(crops)} crops, allowed is {PARITY}")
    return gap
