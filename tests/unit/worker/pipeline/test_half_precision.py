"""In half precision a network says nearly what it says in float32, or is not taken."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import worker.classifiers
from worker.pipeline.half_precision import differs_little, in_half_precision
from worker.pipeline.keras_function import KerasFunction

pytestmark = pytest.mark.slow

PACKAGED = Path(str(worker.classifiers.__path__[0])) / "default" / "classifier.keras"


def _crops(count: int, size_px: int) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (count, size_px, size_px, 3)).astype(np.uint8)


def _score(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = 1 / (1 + np.exp(-logits))
    return found


def _network(*, growth: float) -> Any:
    """A small classifier with a backbone; its features grow so much."""
    import keras  # noqa: PLC0415 - TensorFlow takes seconds

    inside = keras.Input((16, 16, 3))
    features = keras.layers.Conv2D(16, 3, padding="same", kernel_initializer=keras.initializers.Constant(growth))(
        inside
    )
    features = keras.layers.Conv2D(8, 1)(keras.layers.ReLU()(keras.layers.BatchNormalization()(features)))
    squares = keras.layers.Multiply()([features, features])
    backbone = keras.Model(inside, squares, name="backbone")
    pixels = keras.Input((16, 16, 3), name="pixels")
    by_place = keras.layers.Conv2D(1, 1, name="head")(backbone(keras.layers.Rescaling(1 / 255)(pixels)))
    heat_map = keras.layers.Reshape((16, 16), name="heat_map")(by_place)
    logit = keras.layers.GlobalAveragePooling2D(name="logit")(by_place)
    return keras.Model(pixels, {"logit": logit, "heat_map": heat_map})


def test_scores_of_the_packaged_classifier_stay() -> None:
    """Half of the layers calculate otherwise, and what comes out is finite, float32, and the same score."""
    exact = KerasFunction(PACKAGED, size_px=224)
    half = KerasFunction(PACKAGED, size_px=224, precision="auto")
    crops = _crops(8, 224)

    expected, found = exact.run(crops), half.run(crops)

    assert (exact.is_in_half, half.is_in_half) == (False, True)
    assert [array.dtype for array in found] == [np.float32, np.float32]
    assert [array.shape for array in found] == [(8, 1), (8, 14, 14)]
    assert all(np.isfinite(array).all() for array in found)
    assert np.abs(_score(found[0]) - _score(expected[0])).mean() < 0.005
    assert not np.array_equal(found[0], expected[0])


def test_only_what_gains_calculates_in_half() -> None:
    """Convolutions of the backbone and what lies between; not products of features, not the head, not the pixels."""
    network = _network(growth=0.1)

    half = in_half_precision(network)

    layers = [*half.get_layer("backbone").layers, *half.layers]
    in_half = [type(layer).__name__ for layer in layers if layer.dtype_policy.name == "mixed_float16"]
    assert in_half == ["Conv2D", "BatchNormalization", "ReLU", "Conv2D"]
    assert half.output["logit"].dtype == half.output["heat_map"].dtype == "float32"
    assert all(np.array_equal(a, b) for a, b in zip(half.get_weights(), network.get_weights(), strict=True))
    assert {layer.dtype_policy.name for layer in network.get_layer("backbone").layers} == {"float32"}


def test_a_network_that_overflows_keeps_to_float32(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Features beyond 65504 are no numbers in float16; its scores are then float32's, and the log says so."""
    path = tmp_path / "classifier.keras"
    _network(growth=1e6).save(path)

    with caplog.at_level(logging.WARNING):
        function = KerasFunction(path, size_px=16, precision="auto")

    logits, heat_maps = function.run(_crops(3, 16))
    assert not function.is_in_half
    assert "keeps to float32" in caplog.text
    assert np.isfinite(logits).all()
    assert np.isfinite(heat_maps).all()


def test_float32_is_float32(tmp_path: Path) -> None:
    """Whoever insists gets it."""
    path = tmp_path / "classifier.keras"
    _network(growth=0.1).save(path)

    assert not KerasFunction(path, size_px=16, precision="float32").is_in_half
    assert KerasFunction(path, size_px=16, precision="bfloat16").is_in_half


@pytest.mark.parametrize(("shift", "is_near"), [(0.0, True), (0.02, True), (0.2, False), (float("nan"), False)])
def test_nearness_is_a_hundredth_of_a_score(shift: float, is_near: bool) -> None:  # noqa: FBT001 - a column
    """As for the precisions of processors."""
    assert (
        differs_little(
            lambda crops: np.zeros((len(crops), 1)), lambda crops: np.full((len(crops), 1), shift), (16, 16, 3)
        )
        == is_near
    )
