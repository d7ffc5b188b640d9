"""A classifier of a few bytes, in a bundle like any other: how bright the face is."""

import hashlib
import json
from pathlib import Path

import openvino
from openvino import opset13 as ops

from worker.pipeline.bundle import CARD_FILE, KERAS_FILE, MANIFEST_FILE, NETWORK_FILES, OPENVINO_FILE, verify_bundle
from worker.pipeline.detector_file import DETECTOR_NAME, DETECTOR_SHA256
from worker.pipeline.manifest import CALIBRATED, COLOUR_ORDER, FORMAT, WITH_THRESHOLDS
from worker.pipeline.preprocessing import PREPROCESSING_VERSION

_SIDE = 224
_CELL = 32


def make_tiny_bundle(directory: Path, *, version: str = "1") -> Path:
    """Writes the bundle; its Keras network is a stand-in, since processors judge with the other one."""
    directory.mkdir(parents=True)
    openvino.save_model(_network(), directory / OPENVINO_FILE, compress_to_fp16=False)
    (directory / KERAS_FILE).write_bytes(b"never opened where a processor judges")
    (directory / CARD_FILE).write_text("# A tiny classifier\n\nTells bright faces from dark ones.\n")
    hashes = {name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in NETWORK_FILES}
    manifest = {
        "format": FORMAT,
        "name": "tiny",
        "version": version,
        "preprocessing_version": PREPROCESSING_VERSION,
        "files": hashes,
        "input_size_px": _SIDE,
        "colour_order": COLOUR_ORDER,
        "normalisation": {},
        "crop_margin": 1.3,
        "detector": {"name": DETECTOR_NAME, "sha256": DETECTOR_SHA256},
        "calibration": {name: {"slope": 1.0, "intercept": 0.0} for name in CALIBRATED},
        "thresholds": {name: {"real_below": 0.4, "fake_from": 0.6} for name in WITH_THRESHOLDS},
        "training": {},
        "metrics": {},
    }
    (directory / MANIFEST_FILE).write_text(json.dumps(manifest))
    verify_bundle(directory)
    return directory


def _network() -> openvino.Model:
    """Pixels (n, 224, 224, 3), 0..255, to the mean brightness of each of 7 by 7 cells, and of all."""
    pixels = ops.parameter([-1, _SIDE, _SIDE, 3], openvino.Type.f32, name="pixels")
    grey = ops.reduce_mean(pixels, ops.constant([3]), keep_dims=False)
    cells = ops.reshape(grey, ops.constant([-1, _SIDE // _CELL, _CELL, _SIDE // _CELL, _CELL]), special_zero=False)
    heat = ops.reduce_mean(ops.divide(cells, ops.constant(255.0, openvino.Type.f32)), ops.constant([2, 4]))
    logit = ops.reduce_mean(heat, ops.constant([1, 2]))
    column = ops.reshape(logit, ops.constant([-1, 1]), special_zero=False)
    for node, name in ((column, "logit"), (heat, "heat_map")):
        node.output(0).set_names({name})
    return openvino.Model([column, heat], [pixels], "tiny")
