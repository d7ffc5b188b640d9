"""Frames a face out of a wider crop: as a scan does, or about so."""

import cv2
import numpy as np

from training.augmentation import DEFAULT_DEGRADATION, Degradation, Rng
from worker.pipeline.results import Pixels


def jitter(
    wide: Pixels, rng: Rng, *, size_px: int, margin_ratio: float, degradation: Degradation = DEFAULT_DEGRADATION
) -> Pixels:
    """A crop of about the scanned framing out of a wider one, shifted, scaled, turned a little and flipped.

    Args:
        wide: a square crop that shows more than the network sees.
        rng: the source of chance.
        size_px: side of the result.
        margin_ratio: side of the wide crop / side of the scanned crop, above 1.
        degradation: the odds of flip, turn and zoom.
    """
    side = wide.shape[0]
    wanted = side / margin_ratio
    slack = 0.06 * wanted
    if rng.random() < degradation.zoom:
        wanted *= rng.uniform(0.85, 1.12)
    centre = side / 2 + rng.uniform(-slack, slack, size=2)
    turn = rng.uniform(-8, 8) if rng.random() < degradation.turn else 0.0
    matrix = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), turn, size_px / wanted)
    matrix[:, 2] += size_px / 2 - centre
    kernel = int(rng.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC)))
    cut = cv2.warpAffine(wide, matrix, (size_px, size_px), flags=kernel, borderMode=cv2.BORDER_REPLICATE)
    picture = np.asarray(cut, np.uint8)
    return flip(picture) if rng.random() < degradation.flip else picture


def frame_as_scanned(wide: Pixels, *, size_px: int, margin_ratio: float) -> Pixels:
    """The middle of a wide crop, which a scan would have cut; up to half a pixel of rounding."""
    side = wide.shape[0]
    if abs(side / margin_ratio - size_px) < 1:
        # Cut and not resampled: a softness that only some views had would tell them apart.
        left = (side - size_px) // 2
        return np.ascontiguousarray(wide[left : left + size_px, left : left + size_px])
    corner = (side - side / margin_ratio) / 2
    matrix = np.array([[1, 0, -corner], [0, 1, -corner]], np.float64) * (size_px * margin_ratio / side)
    cut = cv2.warpAffine(wide, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


def flip(pixels: Pixels) -> Pixels:
    """Left and right exchanged."""
    return np.ascontiguousarray(pixels[:, ::-1])
