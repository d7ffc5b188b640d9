"""Degradations and self-blending: bytes in, bytes of the same shape out, the same for the same seed."""

from collections.abc import Callable

import numpy as np
import pytest

from training import augmentation
from training.augmentation import Rng, degrade, jitter
from training.blending import face_mask, self_blend
from worker.pipeline.results import Pixels

STEPS = (
    augmentation.blur,
    augmentation.shift_colours,
    augmentation.to_grey,
    augmentation.add_noise,
    augmentation.lose_resolution,
    augmentation.sharpen,
    augmentation.recompress,
    augmentation.cut_out,
    augmentation.replicate_edges,
    degrade,
)


def _picture(side_px: int = 64) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (side_px, side_px, 3), np.uint8)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_step_keeps_shape_and_depth_and_repeats(step: Callable[[Pixels, Rng], Pixels]) -> None:
    """Every step gives uint8 of the same shape, twice the same for one seed, and leaves its input alone."""
    picture = _picture()
    for seed in range(12):
        once, again = (step(picture, np.random.default_rng(seed)) for _ in range(2))

        assert once.shape == picture.shape
        assert once.dtype == np.uint8
        assert np.array_equal(once, again)
    assert np.array_equal(picture, _picture())


def test_recompression_keeps_the_colour_order() -> None:
    """Red stays red through the codec."""
    red = np.zeros((64, 64, 3), np.uint8)
    red[:, :, 0] = 200

    for seed in range(5):
        assert augmentation.recompress(red, np.random.default_rng(seed))[:, :, 0].mean() > 180


def test_jitter_cuts_near_the_scanned_framing() -> None:
    """A face's middle stays near the middle, at about its scanned size."""
    wide = np.zeros((276, 276, 3), np.uint8)
    wide[128:148, 128:148] = 255
    for seed in range(20):
        cut = jitter(wide, np.random.default_rng(seed), size_px=224, margin_ratio=1.6 / 1.3)
        rows, columns = np.nonzero(cut[:, :, 0] > 128)

        assert cut.shape == (224, 224, 3)
        assert abs(rows.mean() - 112) < 30
        assert abs(columns.mean() - 112) < 30
        assert 250 < len(rows) < 700


def test_blending_changes_the_face_and_leaves_the_corners() -> None:
    """A pseudo-fake differs inside the face region alone, or outside of it alone."""
    picture = np.full((160, 160, 3), 120, np.uint8)
    picture[::4] = 90
    changed = 0
    for seed in range(20):
        blended = self_blend(picture, np.random.default_rng(seed), face_share=1 / 1.6)
        corner, middle = (np.abs(part.astype(int)).max() for part in _differences(picture, blended))

        assert blended.shape == picture.shape
        assert min(corner, middle) <= 60
        changed += max(corner, middle) > 2
    assert changed >= 18


def _differences(before: Pixels, after: Pixels) -> tuple[Pixels, Pixels]:
    gap = np.asarray(after, np.int16) - before
    return np.asarray(gap[:20, :20]), np.asarray(gap[70:90, 70:90])


def test_mask_is_soft_and_inside_the_picture() -> None:
    """The mask covers part of the picture, reaches 1, and is 0 at the corners."""
    for seed in range(20):
        mask = face_mask(200, np.random.default_rng(seed), face_share=1 / 1.6)

        assert mask.max() == 1.0
        assert mask[0, 0] == 0.0
        assert 0.02 < mask.mean() < 0.5
