"""The residual branch tells of noise and not of content, place by place, and nothing in it learns."""

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import correlate2d

from tests.unit.training.exported import check_files
from training.architecture import build_classifier, normalise
from training.backbones.backbone import Backbone
from training.backbones.catalogue import build_backbone
from training.backbones.residuals import FLOOR, LUMA, SMALL, SQUARES, kernel_bank, with_residuals
from training.errors import TrainingError
from training.fitting_network import FreshNetwork, NetworkPlan, build_network, freeze
from training.recipe import Recipe

SIDE_PX = 64
OWN = 32
"""Channels of the backbone itself, "tiny"."""
KERNELS = 20
ENERGY, SIZE, SMALLNESS = (OWN + KERNELS * part for part in range(3))
"""Where the three channels of the first kernel at full scale begin."""
KV_OF_LUMA = 9


def told(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """All features of pictures in grey levels (n, 64, 64, 3)."""
    backbone = with_residuals(build_backbone("tiny", weights=None, size_px=SIDE_PX))
    inputs = keras.Input(pixels.shape[1:])
    network = keras.Model(inputs, backbone.network(normalise(inputs, backbone.normalisation)))
    return np.asarray(network(pixels), np.float32)


def noise(seed: int, *, deviation: float = 8.0) -> NDArray[np.float32]:
    """A grey picture with noise."""
    drawn = np.random.default_rng(seed).normal(128, deviation, (1, SIDE_PX, SIDE_PX, 3))
    return drawn.clip(0, 255).astype(np.float32)


def test_a_flat_picture_has_no_residual_whatever_its_colour() -> None:
    """Every kernel gives nothing, up to the picture's edge, so that its logarithm is that of the floor."""
    flat = np.broadcast_to(np.array([250, 20, 90], np.float32), (1, SIDE_PX, SIDE_PX, 3))

    everywhere = told(np.ascontiguousarray(flat))[0, ..., OWN:]

    for scale in range(3):
        part = everywhere[..., scale * 3 * KERNELS : (scale + 1) * 3 * KERNELS]
        assert np.allclose(part[..., :KERNELS], np.log(FLOOR), atol=1e-3)
        assert np.allclose(part[..., KERNELS : 2 * KERNELS], np.log(FLOOR / 2), atol=1e-2)
        assert np.allclose(part[..., 2 * KERNELS :], 0, atol=1e-2)


def test_residuals_are_measured_in_grey_levels() -> None:
    """What the branch tells of one kernel is what SciPy computes from the pixels, at every place."""
    pixels = noise(1)
    luma = (pixels[0] * np.array(LUMA)).sum(axis=2)
    residual = correlate2d(np.pad(luma, 2, mode="reflect"), SQUARES[1], mode="valid")
    places = residual[::2, ::2].reshape(4, 8, 4, 8)

    found = told(pixels)[0]

    assert np.allclose(found[..., ENERGY + KV_OF_LUMA], np.log((places**2).mean(axis=(1, 3)) + FLOOR), atol=1e-3)
    assert np.allclose(found[..., SIZE + KV_OF_LUMA], np.log(np.abs(places).mean(axis=(1, 3)) + FLOOR / 2), atol=1e-3)
    assert np.allclose(found[..., SMALLNESS + KV_OF_LUMA], np.abs(places).clip(max=SMALL).mean(axis=(1, 3)), atol=1e-3)


def test_content_is_predicted_away() -> None:
    """A steep ramp leaves no residual of second order, and noise below the eye's notice does."""
    ramp = np.broadcast_to(np.arange(SIDE_PX, dtype=np.float32)[None, :, None] * 3, (1, SIDE_PX, SIDE_PX, 3))
    second = slice(ENERGY + 2, ENERGY + 6)

    of_ramp = told(np.ascontiguousarray(ramp))[0, 1:3, 1:3, second]
    of_noise = told(noise(2, deviation=2.0))[0, 1:3, 1:3, second]

    assert of_ramp.max() < np.log(FLOOR) + 1e-3
    assert of_noise.min() > 0.0


def test_every_kernel_sums_to_zero() -> None:
    """Also over the colours that a difference of colours compares."""
    kernels = kernel_bank()

    assert kernels.shape == (5, 5, 3, KERNELS)
    assert np.abs(kernels.sum(axis=(0, 1))).max() < 1e-12
    assert len(np.unique(kernels.reshape(-1, KERNELS).round(9), axis=1).T) == KERNELS


@pytest.mark.parametrize("unfreeze", ["all", 1])
def test_kernels_are_never_learnt(unfreeze: int | str) -> None:
    """However much of the backbone is tuned, what was written down stays."""
    recipe = Recipe(unfreeze=unfreeze)  # type: ignore[arg-type]  # pytest knows no literal types
    network: FreshNetwork = build_network(NetworkPlan("tiny", size_px=SIDE_PX, residual=True), recipe=recipe)

    freeze(network, recipe=recipe)

    learning = {variable.path for variable in network.classifier.trainable_variables}
    assert any("tiny_3" in path for path in learning)
    assert not any("residual" in path for path in learning)


def test_the_heat_map_still_explains_the_logit() -> None:
    """Noise in one corner moves that corner of the map, and the mean of the map is the logit."""
    network = build_classifier(with_residuals(build_backbone("tiny", weights=None, size_px=SIDE_PX)))
    smooth = np.full((1, SIDE_PX, SIDE_PX, 3), 128, np.float32)
    noisy = smooth.copy()
    noisy[0, :16, -16:] = noise(3, deviation=20.0)[0, :16, -16:]

    before, after = (network(pixels) for pixels in (smooth, noisy))

    apart = np.abs(np.asarray(after["heat_map"]) - np.asarray(before["heat_map"]))[0]
    assert apart[:2, 2:].max() > 1e-3
    assert apart[2:, :2].max() < 1e-6
    assert np.allclose(np.asarray(after["heat_map"]).mean(), np.asarray(after["logit"]), atol=1e-5)


def test_both_engines_agree_with_the_branch(tmp_path: Path) -> None:
    """The branch is Keras layers and nothing of ours: it is saved, read in safe mode, and exported like any other."""
    keras.utils.set_random_seed(1)
    classifier = build_classifier(with_residuals(build_backbone("tiny", weights=None, size_px=SIDE_PX)))
    crops = np.random.default_rng(0).integers(0, 256, (8, SIDE_PX, SIDE_PX, 3)).astype(np.uint8)

    check_files(classifier, crops, tmp_path)


def test_a_grid_that_does_not_fit_is_refused() -> None:
    """The message says what to leave away."""
    pixels = keras.Input((48, 48, 3))
    network = keras.Model(pixels, keras.layers.Conv2D(4, 3, name="only", padding="same")(pixels))
    stock = build_backbone("tiny", weights=None, size_px=SIDE_PX)

    with pytest.raises(TrainingError, match=r"got 48 places at 48 px: leave --residual away for drawn"):
        with_residuals(Backbone("drawn", network, stock.normalisation, ("only",)))
