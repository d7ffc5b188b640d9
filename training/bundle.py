"""Writes a bundle: both networks, the manifest that binds them by hash, and the card for people."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.backbones.normalisation import Normalisation, imagenet
from training.errors import TrainingError
from training.export import export_keras, export_openvino, require_parity
from training.precisions import MIN_CROPS, measure_precisions
from training.run_log import LOG_FILE
from worker.pipeline.bundle import (
    CARD_FILE,
    INT8_FILES,
    KERAS_FILE,
    MANIFEST_FILE,
    NETWORK_FILES,
    OPENVINO_FILE,
    verify_bundle,
)
from worker.pipeline.calibration import Calibration
from worker.pipeline.detector_file import DETECTOR_NAME, DETECTOR_SHA256
from worker.pipeline.heat import measure_heat_span
from worker.pipeline.manifest import Manifest
from worker.pipeline.preprocessing import CROP_MARGIN, PREPROCESSING_VERSION

# Enough crops to meet every kind of content, few enough to be judged twice in a second or two.
PARITY_CROPS = 32


@dataclass(frozen=True)
class BundleFacts:
    """What the manifest says beside the networks.

    Args:
        name: of the classifier.
        version: of the classifier.
        input_size_px: side of the network's input.
        calibrations: of "face", "image" and each aggregation.
        thresholds: of "image" and each aggregation, as in the manifest.
        training: fingerprint, sources, recipe.
        metrics: figures with the protocol they belong to.
        normalisation: of the backbone.
    """

    name: str
    version: str
    input_size_px: int
    calibrations: Mapping[str, Calibration]
    thresholds: Mapping[str, Mapping[str, Any]]
    training: Mapping[str, Any]
    metrics: Mapping[str, Any]
    normalisation: Normalisation = field(default_factory=imagenet)


def write_bundle(
    directory: Path, network: keras.Model, facts: BundleFacts, *, card: str, crops: NDArray[np.uint8]
) -> float:
    """Writes everything beside the target, checks it, and only then puts it in place.

    Args:
        directory: where the bundle goes; an older one there is replaced whole.
        network: outputs logit and heat_map.
        facts: for the manifest.
        card: Markdown.
        crops: real crops on which both engines must agree; with enough of them int8 and bfloat16 are compared too.

    Returns:
        the largest difference between the two engines.

    Raises:
        TrainingError: the engines differ.
    """
    building = directory.with_name(f".{directory.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    export_keras(network, building / KERAS_FILE)
    export_openvino(network, building / OPENVINO_FILE)
    few = crops[:: max(1, len(crops) // PARITY_CROPS)][:PARITY_CROPS]
    gap = require_parity(network, building / OPENVINO_FILE, few)
    (building / CARD_FILE).write_text(card, encoding="utf-8")
    heat_maps = network.predict_on_batch(few.astype(np.float32))["heat_map"]
    manifest = manifest_of(building, facts, parity_gap=gap) | {"heat_span_logits": measure_heat_span(heat_maps)}
    _write_manifest(building, with_precisions(manifest, building, crops))
    verify_bundle(building)
    shutil.rmtree(directory, ignore_errors=True)
    building.rename(directory)
    return gap


def add_precisions(directory: Path, target: Path, crops: NDArray[np.uint8]) -> Manifest:
    """Copies a bundle, and adds to the copy how its network does in int8 and bfloat16.

    Args:
        directory: the bundle.
        target: the new one; there is none yet.
        crops: faces like those that it learnt from, of its input's size.

    Raises:
        BundleError: the bundle is damaged.
        TrainingError: there are too few faces, or there is something at the target.
    """
    before = verify_bundle(directory)
    if len(crops) < MIN_CROPS:
        raise TrainingError(f"{len(crops)} faces were found, at least {MIN_CROPS} are needed: name more pictures")
    if target.exists():
        raise TrainingError(f"{target} exists: name a new directory")
    building = target.with_name(f".{target.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    # The log of the training is not in the manifest, and belongs to it.
    for name in {*before.files, LOG_FILE} - set(INT8_FILES):
        if (directory / name).is_file():
            shutil.copyfile(directory / name, building / name)
    manifest = json.loads((directory / MANIFEST_FILE).read_bytes())
    _write_manifest(building, with_precisions(manifest, building, crops))
    after = verify_bundle(building)
    building.rename(target)
    return after


def with_precisions(manifest: Mapping[str, Any], directory: Path, crops: NDArray[np.uint8]) -> dict[str, Any]:
    """The manifest with what int8 and bfloat16 do to the scores, and with the hashes of the int8 network."""
    fitted, thresholds = manifest["calibration"]["image"], manifest["thresholds"]["image"]
    measured = measure_precisions(directory, crops, calibration=Calibration(**fitted), thresholds=thresholds)
    if not measured:
        return dict(manifest)
    files = {**manifest["files"], **{name: _sha256(directory / name) for name in INT8_FILES}}
    return {**manifest, "files": files, "precisions": {name: gap.to_json() for name, gap in measured.items()}}


def _write_manifest(directory: Path, manifest: Mapping[str, Any]) -> None:
    (directory / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def manifest_of(directory: Path, facts: BundleFacts, *, parity_gap: float) -> dict[str, Any]:
    """The manifest of the files in a directory."""
    names = (*NETWORK_FILES, CARD_FILE)
    return {
        "format": 1,
        "name": facts.name,
        "version": facts.version,
        "preprocessing_version": PREPROCESSING_VERSION,
        "files": {name: _sha256(directory / name) for name in names},
        "input_size_px": facts.input_size_px,
        "colour_order": "RGB",
        "normalisation": facts.normalisation.to_json(),
        "crop_margin": CROP_MARGIN,
        "detector": {"name": DETECTOR_NAME, "sha256": DETECTOR_SHA256},
        "calibration": {
            name: {"slope": round(fitted.slope, 6), "intercept": round(fitted.intercept, 6)}
            for name, fitted in facts.calibrations.items()
        },
        "thresholds": {name: dict(chosen) for name, chosen in facts.thresholds.items()},
        "training": dict(facts.training),
        "metrics": {**facts.metrics, "keras_openvino_gap": parity_gap},
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
