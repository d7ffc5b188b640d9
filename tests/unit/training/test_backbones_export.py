"""Every network learns, is exported, and gives the same scores in Keras and in OpenVINO."""

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from training.architecture import build_classifier
from training.backbones.backbone import Backbone
from training.backbones.catalogue import build_backbone
from training.export import PARITY, export_keras, export_openvino, require_parity
from worker.pipeline.keras_function import KerasFunction
from worker.pipeline.openvino_classifier import OpenvinoNetwork
from worker.pipeline.precision import MAX_SCORE_GAP

SIZE_PX = 32
# Those that take more than a few seconds on one core.
LARGE = ("mobilenetv2", "mobilenetv3", "efficientnetv2b0", "densenet121", "resnet50", "convnexttiny")

# After so few steps ten bits are too few for these, and they are judged in float32.
SENSITIVE = ("resnet50",)


def draw_set(count: int = 16) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Pictures of noise, every other one darker and with a grid; and their targets (n, 1)."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, SIZE_PX, SIZE_PX, 3))
    pixels[1::2] //= 2
    pixels[1::2, ::4] = 0
    return pixels.astype(np.uint8), (np.arange(count) % 2).astype(np.float32)[:, None]


def train(backbone: Backbone) -> keras.Model:
    """Two passes from pixels, with all layers learning."""
    for layer in backbone.network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.5
    classifier = build_classifier(backbone, dropout=0.1)
    pixels, targets = draw_set()
    loss = {"logit": keras.losses.BinaryCrossentropy(from_logits=True), "heat_map": None}
    # Four steps are done sooner than they are compiled.
    classifier.compile(keras.optimizers.AdamW(1e-4), loss, run_eagerly=True)
    classifier.fit(pixels.astype(np.float32), {"logit": targets}, batch_size=8, epochs=2, verbose=0)
    for _ in range(6):
        # So few steps leave the statistics of batches behind the weights, and all pictures would score alike.
        classifier(pixels.astype(np.float32), training=True)
    return classifier


def check_export(name: str, directory: Path) -> None:
    """Trains, exports, and compares what both engines of the worker say, and one of them in half precision."""
    keras.utils.set_random_seed(1)
    backbone = build_backbone(name, weights=None, size_px=SIZE_PX)
    before = [weight.copy() for weight in backbone.network.get_weights()]
    classifier = train(backbone)
    after = backbone.network.get_weights()
    assert any(not np.array_equal(old, new) for old, new in zip(before, after, strict=True))
    crops, _ = draw_set(8)

    export_keras(classifier, directory / "classifier.keras")
    export_openvino(classifier, directory / "classifier.xml")

    assert require_parity(classifier, directory / "classifier.xml", crops) <= PARITY
    loaded = keras.saving.load_model(directory / "classifier.keras", compile=False, safe_mode=True)
    by_keras = {key: np.asarray(value) for key, value in loaded(crops.astype(np.float32), training=False).items()}
    network = OpenvinoNetwork(directory / "classifier.xml", size_px=SIZE_PX, threads=1)
    logits, heat_maps = network.run(crops)
    assert heat_maps is not None
    assert np.allclose(by_keras["logit"], logits, atol=PARITY)
    assert np.allclose(by_keras["heat_map"], heat_maps, atol=PARITY)
    # Scores that are all alike would agree whatever the networks do.
    assert logits.std() > 10 * PARITY
    half = KerasFunction(directory / "classifier.keras", size_px=SIZE_PX, precision="auto")
    assert half.is_in_half or name in SENSITIVE
    assert np.abs(_scores(half.run(crops)[0]) - _scores(logits)).mean() <= MAX_SCORE_GAP


def _scores(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = 1 / (1 + np.exp(-logits))
    return found


@pytest.mark.parametrize("name", ["tiny", "small_cnn"])
def test_both_engines_agree_after_two_epochs(name: str, tmp_path: Path) -> None:
    """Keras and OpenVINO give a trained network's scores to 1e-3, and the scores differ from face to face."""
    check_export(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vit", "resnet18"])
def test_both_engines_agree_after_two_epochs_larger(name: str, tmp_path: Path) -> None:
    """As above."""
    check_export(name, tmp_path)


@pytest.mark.drill
@pytest.mark.parametrize("name", LARGE)
def test_both_engines_agree_after_two_epochs_large(name: str, tmp_path: Path) -> None:
    """As above."""
    check_export(name, tmp_path)
