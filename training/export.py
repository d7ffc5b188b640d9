"""Writes a network as Keras file and as OpenVINO network, and holds the two to the same scores."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError
from worker.pipeline.openvino_network import load_openvino

# In float32 the two engines differ by rounding alone; a wrong layout or layer differs by whole units.
PARITY = 1e-3


def network_for_use(network: keras.Model) -> keras.Model:
    """A copy in float32, whatever it learnt in, and without the optimizer that it learnt by."""
    copy = network.__class__.from_config(_in_float32(network.get_config()))
    copy.set_weights(network.get_weights())
    return copy


def export_keras(network: keras.Model, path: Path) -> None:
    """Saves the network without an optimizer, which would double or triple the file."""
    network_for_use(network).save(path)


def export_openvino(network: keras.Model, path: Path) -> None:
    """Saves the OpenVINO network (.xml and .bin beside it).

    TensorFlow writes the SavedModel that OpenVINO reads. Where Keras runs on JAX or torch, another Python does it.

    Raises:
        TrainingError: there is no TensorFlow to do it.
    """
    if keras.backend.backend() == "tensorflow":
        _convert(network_for_use(network), path)
        return
    with tempfile.TemporaryDirectory() as directory:
        saved = Path(directory) / "network.keras"
        export_keras(network, saved)
        command = [sys.executable, "-m", "training.export", str(saved), str(path)]
        done = subprocess.run(
            command, env={**os.environ, "KERAS_BACKEND": "tensorflow"}, capture_output=True, text=True, check=False
        )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise TrainingError(
            f"the OpenVINO network is exported by TensorFlow, and that failed ({lines[-1]}): install tensorflow"
            f" beside {keras.backend.backend()}, or train with KERAS_BACKEND=tensorflow"
        )


def parity_gap(network: keras.Model, openvino_path: Path, crops: NDArray[np.uint8]) -> float:
    """The largest difference of a logit or of a place of a heat map between Keras and OpenVINO, in float32."""
    pixels = crops.astype(np.float32)
    expected = network_for_use(network)(pixels, training=False)
    core = load_openvino().Core()
    compiled = core.compile_model(openvino_path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found: Any = compiled(pixels)
    gaps = [
        np.abs(np.asarray(found[name]) - keras.ops.convert_to_numpy(expected[name])).max()
        for name in ("logit", "heat_map")
    ]
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


def _in_float32(config: Any) -> Any:
    """The same configuration with every dtype policy, however deep, in full precision."""
    if isinstance(config, list | tuple):
        return type(config)(_in_float32(value) for value in config)
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        return {**config, "config": {"name": "float32"}}
    return {key: _in_float32(value) for key, value in config.items()}


def _convert(network: keras.Model, path: Path) -> None:
    openvino = load_openvino()
    with tempfile.TemporaryDirectory() as directory:
        # Of the forms that OpenVINO reads, the one that runs fastest.
        network.export(directory, format="tf_saved_model", verbose=False)
        converted = openvino.convert_model(directory)
    # Half-precision weights would halve the file and cost more than the parity that we promise.
    openvino.save_model(converted, path, compress_to_fp16=False)


if __name__ == "__main__":
    _convert(keras.saving.load_model(sys.argv[1], compile=False, safe_mode=True), Path(sys.argv[2]))
