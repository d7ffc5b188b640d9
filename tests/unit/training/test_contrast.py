"""Contrast compares the face with its surroundings, and stays a sum over places."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.unit.training.exported import check_files
from training.architecture import build_classifier
from training.backbones.backbone import Backbone
from training.backbones.catalogue import build_backbone
from training.backbones.contrast import window, with_contrast
from training.errors import TrainingError

SIDE_PX = 128
OWN = 32
"""Channels of "tiny", on a grid of 8."""


def drawn_backbone() -> Backbone:
    """The smallest one, at a size whose grid has a face and surroundings."""
    keras.utils.set_random_seed(3)
    return build_backbone("tiny", weights=None, size_px=SIDE_PX)


@pytest.mark.parametrize("grid", [4, 7, 8, 14])
def test_the_window_is_a_difference_of_means(grid: int) -> None:
    """It is positive within, negative around, nothing at the corners, and alike on both sides."""
    weights = window(grid)

    assert weights.shape == (grid, grid)
    assert weights[weights > 0].sum() == pytest.approx(grid**2, rel=1e-5)
    assert weights[weights < 0].sum() == pytest.approx(-(grid**2), rel=1e-5)
    assert weights[grid // 2, grid // 2] > 0
    assert weights[0, 0] == 0
    assert np.array_equal(weights, weights[:, ::-1])
    assert np.array_equal(weights, weights[::-1])


def test_what_is_everywhere_alike_gives_no_contrast() -> None:
    """A uniform picture has features, and no contrast of any of them."""
    # The convolutions of "tiny" see their own padding; a backbone of one layer without padding does not.
    pixels = keras.Input((8, 8, 3))
    network = keras.Model(pixels, keras.layers.Conv2D(6, 1, name="only")(pixels))
    backbone = with_contrast(Backbone("drawn", network, drawn_backbone().normalisation, ("only",)))
    uniform = np.full((1, 8, 8, 3), 0.7, np.float32)
    marked = uniform.copy()
    marked[0, 3:5, 3:5] = 0.2

    flat, face = (np.asarray(backbone.network(given)).mean(axis=(1, 2))[0] for given in (uniform, marked))

    assert np.abs(flat[:6]).max() > 1e-2
    assert np.abs(flat[6:]).max() < 1e-5
    assert np.abs(face[6:]).max() > 1e-2


def test_the_heat_map_still_explains_the_logit() -> None:
    """The mean of the map is the logit, and the map stays where the picture changed."""
    classifier = build_classifier(with_contrast(drawn_backbone()))
    grey = np.full((1, SIDE_PX, SIDE_PX, 3), 128, np.float32)
    changed = grey.copy()
    changed[0, 40:60, 72:90] = 255

    before, after = classifier(grey), classifier(changed)

    apart = np.abs(np.asarray(after["heat_map"]) - np.asarray(before["heat_map"]))[0]
    row, column = np.unravel_index(apart.argmax(), apart.shape)
    assert apart.max() > 1e-4
    assert 1 <= row <= 4
    assert 3 <= column <= 6
    assert apart[7, :2].max() < 1e-6
    assert np.asarray(after["heat_map"]).mean() == pytest.approx(float(np.asarray(after["logit"])[0, 0]), abs=1e-4)


def test_both_engines_agree_with_contrast(tmp_path: Path) -> None:
    """It is saved, read in safe mode, and exported like any other network."""
    classifier = build_classifier(with_contrast(drawn_backbone()))
    crops = np.random.default_rng(0).integers(0, 256, (8, SIDE_PX, SIDE_PX, 3)).astype(np.uint8)

    check_files(classifier, crops, tmp_path)


def test_a_grid_without_surroundings_is_refused() -> None:
    """The message says what would help."""
    with pytest.raises(TrainingError, match=r"needs 4 places across, got 2: give a larger --size, or leave"):
        with_contrast(build_backbone("tiny", weights=None, size_px=32))
