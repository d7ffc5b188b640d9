"""Normalisation stands before the backbone, and a head with its map behind it."""

import keras
import numpy as np
import pytest

from training.architecture import build_classifier, normalise
from training.backbones.catalogue import ENTRIES, build_backbone
from training.backbones.normalisation import Normalisation, centred, imagenet, symmetric

SIZE_PX = 64


def normalised(normalisation: Normalisation, pixel: tuple[float, float, float]) -> list[float]:
    """What a pixel becomes."""
    pixels = keras.Input((1, 1, 3))
    network = keras.Model(pixels, normalise(pixels, normalisation))
    found = np.asarray(network(np.array(pixel, np.float32).reshape(1, 1, 1, 3)))
    return [round(float(value), 4) for value in found.ravel()]


@pytest.mark.parametrize(
    ("normalisation", "pixel", "expected"),
    [
        (imagenet(), (255.0, 0.0, 127.5), [2.2489, -2.0357, 0.4178]),
        (imagenet(), (123.675, 116.28, 103.53), [0.0, 0.0, 0.0]),
        (symmetric(), (255.0, 0.0, 127.5), [1.0, -1.0, 0.0]),
        (centred(), (255.0, 0.0, 127.5), [131.32, -116.779, 23.561]),
    ],
)
def test_a_known_pixel_has_a_known_value(
    normalisation: Normalisation, pixel: tuple[float, float, float], expected: list[float]
) -> None:
    """Red, green and blue are treated each by its own mean and deviation."""
    assert normalised(normalisation, pixel) == expected


# What keras.applications says of each network whose own preprocessing we leave out.
AS_PUBLISHED = {
    "mobilenetv2": ("keras", keras.applications.mobilenet_v2.preprocess_input),
    "densenet121": ("keras", keras.applications.densenet.preprocess_input),
}


@pytest.mark.parametrize("name", sorted(AS_PUBLISHED))
def test_pixels_are_normalised_as_the_weights_were_trained(name: str) -> None:
    """Our layer does what the publisher's function does."""
    style, preprocess = AS_PUBLISHED[name]
    pixel = (200.0, 100.0, 7.0)

    published = preprocess(np.array(pixel, np.float32).reshape(1, 1, 1, 3).copy()).ravel()

    assert np.allclose(normalised(ENTRIES[name].styles[style], pixel), published, atol=1e-3)


def test_resnet50_is_normalised_in_another_order() -> None:
    """The publisher turns the channels; here they are turned in the first kernel, so the mean is given as RGB."""
    pixel = (200.0, 100.0, 7.0)
    preprocess = keras.applications.resnet.preprocess_input

    published = preprocess(np.array(pixel, np.float32).reshape(1, 1, 1, 3).copy()).ravel()

    assert np.allclose(normalised(ENTRIES["resnet50"].styles["keras"], pixel), published[::-1], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "application"),
    [
        ("mobilenetv3", keras.applications.MobileNetV3Large),
        ("efficientnetv2b0", keras.applications.EfficientNetV2B0),
        ("convnexttiny", keras.applications.ConvNeXtTiny),
    ],
)
def test_normalisation_outside_is_the_one_that_was_inside(name: str, application: object) -> None:
    """These networks carry their preprocessing; ours does the same to a pixel, outside."""
    assert callable(application)
    whole = application(include_top=False, weights=None, input_shape=(SIZE_PX, SIZE_PX, 3))
    first = next(layer for layer in whole.layers if isinstance(layer, keras.layers.Conv2D | keras.Sequential))
    inside = keras.Model(whole.inputs[0], first.input)
    pixels = np.broadcast_to(np.array([200.0, 100.0, 7.0], np.float32), (1, SIZE_PX, SIZE_PX, 3))

    middle = SIZE_PX // 2
    found = np.asarray(inside(pixels))[0, middle, middle]

    assert np.allclose(normalised(ENTRIES[name].styles["keras"], (200.0, 100.0, 7.0)), found, atol=1e-3)


@pytest.mark.parametrize(
    ("mean", "std", "scale", "match"),
    [
        ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 0.0, "scale must be positive, got 0.0"),
        ((float("nan"), 0.0, 0.0), (1.0, 1.0, 1.0), 1.0, "mean must be three numbers"),
        ((0.0, 0.0, 0.0), (1.0, 0.0, 1.0), 1.0, "std must be three positive numbers"),
    ],
)
def test_a_normalisation_that_makes_no_numbers_is_refused(
    mean: tuple[float, float, float], std: tuple[float, float, float], scale: float, match: str
) -> None:
    """It checks itself when it is made."""
    with pytest.raises(ValueError, match=match):
        Normalisation(mean, std, scale)


@pytest.mark.parametrize(("name", "side"), [("tiny", 4), ("vit", 4)])
def test_the_logit_is_the_mean_of_the_heat_map(name: str, side: int) -> None:
    """Pooling and the dense head are linear, so the map explains the logit in full."""
    network = build_classifier(build_backbone(name, weights=None, size_px=SIZE_PX), dropout=0.5)
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE_PX, SIZE_PX, 3)).astype(np.float32)

    outputs = {key: np.asarray(value) for key, value in network(pixels).items()}

    assert outputs["heat_map"].shape == (3, side, side)
    assert outputs["logit"].shape == (3, 1)
    assert np.allclose(outputs["heat_map"].mean(axis=(1, 2)), outputs["logit"][:, 0], atol=1e-5)
    assert outputs["logit"].std() > 1e-4


def test_the_heat_map_lies_as_the_picture_does() -> None:
    """A change in one corner of the picture changes that corner of the map, and the far corner not at all."""
    # `tiny` normalises each place by itself; `small_cnn` normalises over the picture, so there every place may move.
    network = build_classifier(build_backbone("tiny", weights=None, size_px=128))
    pixels = np.full((1, 128, 128, 3), 128, np.float32)
    changed = pixels.copy()
    changed[0, :32, -32:] = 255

    apart = np.abs(np.asarray(network(changed)["heat_map"]) - np.asarray(network(pixels)["heat_map"]))[0]

    assert apart.shape == (8, 8)
    assert apart[:4, 4:].max() > 1e-4
    assert apart[4:, :4].max() < 1e-6


def test_the_backbone_learns_within_the_classifier() -> None:
    """The classifier holds the backbone's own layers: what is frozen there is frozen in it."""
    backbone = build_backbone("tiny", weights=None, size_px=SIZE_PX)
    network = build_classifier(backbone)
    everything = len(network.trainable_variables)

    backbone.network.get_layer("tiny_0").trainable = False

    assert everything == 10
    assert len(network.trainable_variables) == 8
    assert network.get_layer("backbone") is backbone.network
