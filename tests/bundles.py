"""Builds bundles whose judgement is known: fake is what is red.

The network is the contract's in little: pixels are averaged over 7 x 7 places, each place's heat is
10 * (red - blue) of 0..1, and the logit is the mean heat. A red crop has the logit 10, a blue one -10, grey ones 0.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset13 as ops

from worker.pipeline.bundle import (
    CARD_FILE,
    INT8_FILES,
    KERAS_FILE,
    MANIFEST_FILE,
    OPENVINO_FILE,
    OPENVINO_WEIGHTS_FILE,
)
from worker.pipeline.detector_file import DETECTOR_NAME, DETECTOR_SHA256
from worker.pipeline.preprocessing import CROP_MARGIN, PREPROCESSING_VERSION

SIZE_PX = 224
HEAT = 10.0
THRESHOLDS = {
    "real_below": 0.4,
    "fake_from": 0.6,
    "false_positive_rates": {"fake_from": 0.01, "real_below": 0.05},
    "real_examples": 0,
    "note": "made up",
}


def build_bundle(directory: Path, *, with_keras: bool = False, int8: bool = False, **changes: Any) -> Path:
    """A bundle in a new directory.

    Args:
        directory: made by this.
        with_keras: whether classifier.keras is a real network (TensorFlow takes seconds) or a stand-in for its hash.
        int8: whether there is an int8 network; it is the same one, so that what is loaded is told by its shift.
        changes: fields of the manifest to replace.
    """
    directory.mkdir(parents=True)
    write_openvino(directory / OPENVINO_FILE)
    if int8:
        for source, target in zip((OPENVINO_FILE, OPENVINO_WEIGHTS_FILE), INT8_FILES, strict=True):
            shutil.copyfile(directory / source, directory / target)
    if with_keras:
        write_keras(directory / KERAS_FILE)
    else:
        (directory / KERAS_FILE).write_bytes(b"no network, only a file with a hash")
    (directory / CARD_FILE).write_text("# A classifier for tests\n", encoding="utf-8")
    write_manifest(directory, changes)
    return directory


def write_manifest(directory: Path, changes: Mapping[str, Any] | None = None) -> None:
    """The manifest of the files that lie in the directory."""
    names = [KERAS_FILE, OPENVINO_FILE, OPENVINO_WEIGHTS_FILE, CARD_FILE]
    names += [name for name in INT8_FILES if (directory / name).exists()]
    same = {"slope": 1.0, "intercept": 0.0}
    calibrated = ("face", "mean", "top-k", "confident", "max-track", "image")
    manifest = {
        "format": 1,
        "name": "fakesweep-red",
        "version": "2026.1.1",
        "preprocessing_version": PREPROCESSING_VERSION,
        "files": {name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in names},
        "input_size_px": SIZE_PX,
        "colour_order": "RGB",
        "normalisation": {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0], "scale": 255},
        "crop_margin": CROP_MARGIN,
        "detector": {"name": DETECTOR_NAME, "sha256": DETECTOR_SHA256},
        "calibration": dict.fromkeys(calibrated, same),
        "thresholds": {name: THRESHOLDS for name in calibrated if name != "face"},
        "training": {"sources": []},
        "metrics": {},
        **(changes or {}),
    }
    (directory / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def write_openvino(path: Path) -> None:
    """The network as OpenVINO's, put together by hand: converting one needs TensorFlow."""
    pixels = ops.parameter([-1, SIZE_PX, SIZE_PX, 3], np.float32, name="pixels")
    weights = ops.constant(np.array([HEAT / 255, 0.0, -HEAT / 255], np.float32).reshape(1, 3, 1, 1))
    planes = ops.transpose(pixels, ops.constant([0, 3, 1, 2]))
    pooled = ops.avg_pool(planes, [32, 32], [0, 0], [0, 0], [32, 32], exclude_pad=False)
    by_place = ops.convolution(pooled, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    heat = ops.reshape(by_place, ops.constant([-1, 7, 7]), special_zero=False)
    logit = ops.reshape(ops.reduce_mean(heat, ops.constant([1, 2])), ops.constant([-1, 1]), special_zero=False)
    heat.output(0).set_names({"heat_map"})
    logit.output(0).set_names({"logit"})
    openvino.save_model(openvino.Model([heat, logit], [pixels], "red"), path, compress_to_fp16=False)


def write_keras(path: Path) -> None:
    """The same network as Keras'."""
    # TensorFlow takes seconds, and most tests need only the other engine.
    import keras  # noqa: PLC0415

    pixels = keras.Input((SIZE_PX, SIZE_PX, 3), name="pixels")
    pooled = keras.layers.AveragePooling2D(32)(keras.layers.Rescaling(1 / 255)(pixels))
    head = keras.layers.Conv2D(1, 1, name="head")
    by_place = head(pooled)
    head.set_weights([np.array([HEAT, 0.0, -HEAT], np.float32).reshape(1, 1, 3, 1), np.zeros(1, np.float32)])
    heat_map = keras.layers.Reshape((7, 7), name="heat_map")(by_place)
    logit = keras.layers.GlobalAveragePooling2D(name="logit")(by_place)
    network = keras.Model(pixels, {"logit": logit, "heat_map": heat_map})
    network.save(path, include_optimizer=False)
