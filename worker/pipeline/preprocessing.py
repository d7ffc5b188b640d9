"""Cuts a face out of a frame, in the one way that training and scanning share."""

import numpy as np

from worker.pipeline.results import Box, Pixels

PREPROCESSING_VERSION = 1
"""Rises with every change that alters the pixels of a crop; a bundle of another version is refused."""

CROP_MARGIN = 1.3
"""Side of the crop over the longer side of the box, as in DeepfakeBench (Yan et al., 2023)."""


def crop_face(pixels: Pixels, box: Box, *, size_px: int, margin: float = CROP_MARGIN) -> Pixels:
    """The square around a face, resized; what lies outside the picture repeats its edge.

    Args:
        pixels: (height, width, 3), RGB, uint8.
        box: the face, in pixels of the same picture.
        size_px: side of the result.
        margin: side of the square over the longer side of the box.

    Returns:
        (size_px, size_px, 3), RGB, uint8, owned by the caller.

    Raises:
        ValueError: size_px or margin is not positive.
    """
    if size_px <= 0 or margin <= 0:
        raise ValueError(f"size_px and margin must be positive, got {size_px} and {margin}")
    # Imported here: who only asks for the version (to check a bundle) need not load OpenCV.
    import cv2  # noqa: PLC0415

    left, top, side = crop_square(box, margin=margin)
    square = _cut_square(pixels, left, top, side)
    # Averaging keeps what is smaller than a pixel from turning into patterns; enlarging wants smoothness.
    method = cv2.INTER_AREA if side > size_px else cv2.INTER_LINEAR
    resized = cv2.resize(square, (size_px, size_px), interpolation=method)
    return np.ascontiguousarray(resized, dtype=np.uint8)


def crop_square(box: Box, *, margin: float = CROP_MARGIN) -> tuple[int, int, int]:
    """Left, top and side of the square that `crop_face` cuts, in whole pixels; it may reach out of the picture."""
    side = max(1, round(max(box.w, box.h) * margin))
    return round(box.x + box.w / 2 - side / 2), round(box.y + box.h / 2 - side / 2), side


def _cut_square(pixels: Pixels, left: int, top: int, side: int) -> Pixels:
    height, width = pixels.shape[:2]
    # A box outside the picture altogether shows the nearest edge.
    x0, y0 = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    x1, y1 = max(min(left + side, width), x0 + 1), max(min(top + side, height), y0 + 1)
    inside = pixels[y0:y1, x0:x1]
    above, before = max(0, y0 - top), max(0, x0 - left)
    below, after = max(0, side - above - (y1 - y0)), max(0, side - before - (x1 - x0))
    if not (above or below or before or after):
        return inside
    import cv2  # noqa: PLC0415 - as above

    above, before = side - (y1 - y0) - below, side - (x1 - x0) - after
    return np.asarray(cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE), dtype=np.uint8)
