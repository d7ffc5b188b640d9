"""A face is framed out of a wider crop."""

import cv2
import numpy as np

from training.augmentation import NO_DEGRADATION
from training.framing import flip, frame_as_scanned, jitter
from worker.pipeline.preprocessing import CROP_MARGIN, crop_face
from worker.pipeline.results import Box

RATIO = 1.6 / 1.3


def _wide() -> np.ndarray:
    wide = np.zeros((276, 276, 3), np.uint8)
    wide[128:148, 128:148] = 255
    return wide


def test_jitter_cuts_near_the_scanned_framing() -> None:
    """A face's middle stays near the middle, at about its scanned size."""
    for seed in range(20):
        cut = jitter(_wide(), np.random.default_rng(seed), size_px=224, margin_ratio=RATIO)
        rows, columns = np.nonzero(cut[:, :, 0] > 128)

        assert cut.shape == (224, 224, 3)
        assert abs(rows.mean() - 112) < 30
        assert abs(columns.mean() - 112) < 30
        assert 250 < len(rows) < 700


def test_zoom_turn_and_flip_can_be_switched_off() -> None:
    """Without them a face is only shifted: its size and its left and right stay."""
    wide = _wide()
    wide[128:148, 128:138] = 100
    for seed in range(20):
        cut = jitter(wide, np.random.default_rng(seed), size_px=224, margin_ratio=RATIO, degradation=NO_DEGRADATION)
        dark, bright = (np.nonzero(mask)[1] for mask in ((cut[..., 0] > 80) & (cut[..., 0] < 120), cut[..., 0] > 200))

        assert dark.mean() < bright.mean()
        assert 360 < (cut[..., 0] > 50).sum() < 440


def test_scanned_framing_is_what_a_scan_cuts() -> None:
    """The middle of the wide crop is the scan's crop, but for rounding of half a pixel."""
    rng = np.random.default_rng(0)
    picture = cv2.resize(rng.integers(0, 256, (16, 24, 3), np.uint8), (960, 640), interpolation=cv2.INTER_CUBIC)
    for box in (Box(300, 150, 180, 231), Box(410.3, 200.7, 90.5, 120.2)):
        scanned = crop_face(picture, box, size_px=224, margin=CROP_MARGIN)
        wide = crop_face(picture, box, size_px=276, margin=1.6)

        cut = frame_as_scanned(wide, size_px=224, margin_ratio=RATIO)

        assert np.abs(cut.astype(int) - scanned).mean() < 2.5


def test_scanned_framing_of_other_sizes() -> None:
    """Where the middle is no whole number of pixels, it is resampled to the size."""
    assert frame_as_scanned(np.zeros((197, 197, 3), np.uint8), size_px=160, margin_ratio=RATIO).shape == (160, 160, 3)


def test_flip_exchanges_left_and_right() -> None:
    """Flipped twice is as before."""
    picture = np.random.default_rng(0).integers(0, 256, (8, 6, 3), np.uint8)

    assert np.array_equal(flip(picture)[:, 0], picture[:, -1])
    assert np.array_equal(flip(flip(picture)), picture)
