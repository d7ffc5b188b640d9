"""Rules of explaining scores by gradients."""

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.bundles import build_bundle
from training.architecture import build_backbone, build_classifier
from training.errors import TrainingError
from training.explain import grad_cam, load_network
from worker.pipeline.classifier import load_classifier

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A tiny classifier with a bias, its features nested in a network of their own."""
    keras.utils.set_random_seed(5)
    made = build_classifier(build_backbone("tiny", weights=None, size_px=64))
    head = made.get_layer("head")
    head.set_weights([head.get_weights()[0], np.array([0.3], np.float32)])
    return made


@pytest.fixture(scope="module")
def crops() -> NDArray[np.uint8]:
    """More than one batch of noise."""
    return np.random.default_rng(3).integers(0, 255, (9, 64, 64, 3), np.uint8)


def heat_maps_of(network: keras.Model, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The class activation maps that the network gives by itself."""
    return np.asarray(network.predict_on_batch(crops.astype(np.float32))["heat_map"])


def test_it_is_the_class_activation_map_less_its_bias(network: keras.Model, crops: NDArray[np.uint8]) -> None:
    """Behind pooling and a dense layer, both ways give the same map, in sign, rank and size."""
    found = grad_cam(network, crops, is_signed=True)

    np.testing.assert_allclose(found, heat_maps_of(network, crops) - 0.3, atol=1e-5)
    assert found.min() < 0 < found.max()


def test_what_speaks_against_fake_is_cut_off(network: keras.Model, crops: NDArray[np.uint8]) -> None:
    """As in the paper, unless asked for."""
    signed = grad_cam(network, crops[:2], is_signed=True)

    np.testing.assert_array_equal(grad_cam(network, crops[:2]), np.maximum(signed, 0))


def test_the_map_of_a_named_layer(network: keras.Model, crops: NDArray[np.uint8]) -> None:
    """The head's own map is the heat map; a layer within a nested network has finer places."""
    by_head = grad_cam(network, crops[:2], layer="head", is_signed=True)
    finer = grad_cam(network, crops[:2], layer="tiny_1")

    np.testing.assert_allclose(by_head, heat_maps_of(network, crops[:2]), atol=1e-5)
    assert finer.shape == (2, 16, 16)
    assert finer.max() > 0


def test_the_network_is_left_as_it_was(network: keras.Model, crops: NDArray[np.uint8]) -> None:
    """Looking into a network changes neither what it says nor itself."""
    before = heat_maps_of(network, crops)

    grad_cam(network, crops, layer="tiny_2")

    np.testing.assert_array_equal(heat_maps_of(network, crops), before)
    assert "call" not in vars(network.get_layer("head"))


def test_a_patch_lights_up_where_it_is(tmp_path: Path) -> None:
    """The cause of a score shows in its own corner in both engines: neither turned nor mirrored."""
    bundle = build_bundle(tmp_path / "red", with_keras=True)
    crop = np.full((1, 224, 224, 3), 128, np.uint8)
    crop[0, 32:64, 160:224] = (255, 0, 0)
    expected = np.zeros((7, 7), bool)
    expected[1, 5:7] = True

    by_gradients = grad_cam(load_network(bundle), crop)[0]
    without = load_classifier(bundle, device="cpu").judge(crop).heat_maps

    assert without is not None
    np.testing.assert_array_equal(by_gradients > 1, expected)
    np.testing.assert_allclose(without[0], by_gradients, atol=1e-4)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("tiny_7", r"no layer 'tiny_7': the nearest of its \d+ are tiny_"),
        ("logit", r"'logit' has no places .*\(2, 1\)"),
    ],
)
def test_a_layer_that_cannot_be_explained(
    network: keras.Model, crops: NDArray[np.uint8], layer: str, message: str
) -> None:
    """The message names the layer and what there is instead."""
    with pytest.raises(TrainingError, match=message):
        grad_cam(network, crops[:2], layer=layer)


def test_a_layer_that_is_used_twice_is_refused() -> None:
    """Its output would be two maps."""
    pixels = keras.Input((8, 8, 3))
    shared = keras.layers.Conv2D(3, 1, name="shared")
    by_place = keras.layers.Conv2D(1, 1, name="head")(shared(shared(pixels)))
    network = keras.Model(pixels, {"logit": keras.layers.GlobalAveragePooling2D()(by_place)})

    with pytest.raises(TrainingError, match="'shared' is used 2 times"):
        grad_cam(network, np.zeros((1, 8, 8, 3), np.uint8), layer="shared")


def test_a_backend_without_gradients_says_so(
    network: keras.Model, crops: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what to do about it."""
    monkeypatch.setattr(keras.backend, "backend", lambda: "openvino")

    with pytest.raises(TrainingError, match=r"runs on openvino.*KERAS_BACKEND.*class activation map"):
        grad_cam(network, crops)


def test_a_network_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is whole by its hash and no network is a message."""
    with pytest.raises(TrainingError, match=r"classifier\.keras cannot be loaded"):
        load_network(build_bundle(tmp_path / "bundle"))
