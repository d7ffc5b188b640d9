"""Draws what speaks for fake over a face: class activation maps as the exported network gives them, no gradients.

A heat map holds one logit per place: what the face's logit would be if all of it looked like that place. Their mean is
the face's own logit (Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016). Orange places
speak for fake, blue ones for real, and grey ones for neither; the two hues stay apart for the colour-blind. One scale
in logits holds for every picture, so that two faces of one classifier can be compared.
"""

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.preprocessing import CROP_MARGIN, crop_square
from worker.pipeline.results import Box, Pixels

HeatMap = NDArray[np.float32]
"""(height, width), one logit per place; above 0 leans to fake. A few places wide: 7x7 for a crop of 224 px."""

HEAT_SPAN = 10.0
"""Logits of a place with the fullest colour, where a classifier's manifest gives none. Measured with the first
classifier on 82 faces of 21 sources: 90 % of the places lie within."""
SPAN_SHARE = 0.9
"""Share of the places of faces that lie within a classifier's span."""
STRENGTH = 0.75
"""Share of the fullest colour; the rest is the face below it, in grey."""
DARKEST, BRIGHTEST = 48, 235
"""Greys of the face below: the same heat shows alike on dark faces and on bright ones."""
CONTOUR_AT = 0.5
"""The line around what speaks for fake, as a share of the span."""
LEAST_CONTOUR = 0.005
"""Share of the crop below which a place gets no line: a line around a dot hides it."""

_TABLE_SIDE = 255
_COLOURS = {
    # Okabe and Ito's palette for the colour-blind, darkened towards the ends.
    -1.0: (0, 70, 150),
    -0.5: (50, 150, 220),
    0.0: (128, 128, 128),
    0.5: (240, 160, 20),
    1.0: (205, 60, 0),
}


def measure_heat_span(heat_maps: NDArray[np.floating]) -> float:
    """The scale that fits a classifier: logits within which nine of ten places of these maps lie, of two digits.

    Args:
        heat_maps: (n, height, width) of faces of many kinds.
    """
    span = float(f"{np.quantile(np.abs(heat_maps), SPAN_SHARE):.2g}")
    return span if np.isfinite(span) and span > 0 else HEAT_SPAN


def normalise_heat(heat_map: NDArray[np.floating], *, size_px: int, span: float = HEAT_SPAN) -> NDArray[np.float32]:
    """A heat map enlarged smoothly to the size of its crop, on the fixed scale.

    Args:
        heat_map: (height, width), logits.
        size_px: side of the result.
        span: logits that become 1.

    Returns:
        (size_px, size_px), -1 (surely real) to 1 (surely fake).

    Raises:
        ValueError: no heat map, a value that is no finite number, or a size or span that is not positive.
    """
    if size_px <= 0 or not span > 0:
        raise ValueError(f"size_px and span must be positive, got {size_px} and {span}")
    if heat_map.ndim != 2 or not heat_map.size or not np.isfinite(heat_map).all():
        raise ValueError(f"a heat map must be (height, width) of finite numbers, got {heat_map.shape}")
    import cv2  # noqa: PLC0415 - importing the pipeline stays cheap

    # A place of the map stands for the middle of its cell, which is how OpenCV takes the centres of pixels.
    large = cv2.resize(heat_map.astype(np.float32), (size_px, size_px), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(large / span, -1.0, 1.0), np.float32)


def overlay_heat(
    crop: Pixels, heat_map: NDArray[np.floating], *, span: float = HEAT_SPAN, has_contour: bool = True
) -> Pixels:
    """A face in grey with its heat map in colours over it.

    Args:
        crop: (size, size, 3), RGB, uint8, as `crop_face` cuts it or larger.
        heat_map: (height, width), logits, as `Classifier.judge` gives it for this crop.
        span: logits of the fullest colour.
        has_contour: whether a line surrounds what is above half of the span.

    Returns:
        (size, size, 3), RGB, uint8, owned by the caller.

    Raises:
        ValueError: the crop is no square, or as `normalise_heat`.
    """
    if crop.ndim != 3 or crop.shape[0] != crop.shape[1] or crop.shape[2] != 3:
        raise ValueError(f"a crop must be (size, size, 3), got {crop.shape}")
    heat = normalise_heat(heat_map, size_px=crop.shape[0], span=span)
    blended = _blend(crop, heat)
    if has_contour:
        _draw_contour(blended, heat)
    return blended


def place_heat(
    frame: Pixels, box: Box, heat_map: NDArray[np.floating], *, margin: float = CROP_MARGIN, span: float = HEAT_SPAN
) -> Pixels:
    """A frame with the heat map where its face's crop was cut; the rest of the frame is left as it is.

    Args:
        frame: (height, width, 3), RGB, uint8.
        box: the face, in pixels of the same frame.
        heat_map: as for `overlay_heat`.
        margin: that the crop was cut with.
        span: logits of the fullest colour.

    Returns:
        (height, width, 3), RGB, uint8: a new picture.
    """
    left, top, side = crop_square(box, margin=margin)
    heat = normalise_heat(heat_map, size_px=side, span=span)
    placed = frame.copy()
    height, width = frame.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    if x1 > x0 and y1 > y0:
        inside = heat[y0 - top : y1 - top, x0 - left : x1 - left]
        blended = _blend(frame[y0:y1, x0:x1], inside)
        _draw_contour(blended, inside)
        placed[y0:y1, x0:x1] = blended
    return placed


def heat_layer(heat_map: NDArray[np.floating], *, size_px: int, span: float = HEAT_SPAN) -> NDArray[np.uint8]:
    """The colours of a heat map alone, to be laid over a face in grey.

    Args:
        heat_map: (height, width), logits.
        size_px: side of the result.
        span: logits of the fullest colour.

    Returns:
        (size_px, size_px, 4), RGBA, uint8; transparent where a place says nothing.
    """
    heat = normalise_heat(heat_map, size_px=size_px, span=span)
    opacity = np.round(255 * STRENGTH * np.abs(heat))[..., None]
    return np.asarray(np.concatenate([_colours_of(heat), opacity], axis=2), np.uint8)


def heat_scale(width_px: int, height_px: int) -> Pixels:
    """The colours from -span (left) to span (right) as a strip, (height_px, width_px, 3), for a legend."""
    return _blend(
        np.full((height_px, width_px, 3), 128, np.uint8),
        np.tile(np.linspace(-1, 1, width_px, dtype=np.float32), (height_px, 1)),
    )


def _blend(pixels: Pixels, heat: NDArray[np.float32]) -> Pixels:
    import cv2  # noqa: PLC0415 - as above

    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]
    grey = DARKEST + grey * ((BRIGHTEST - DARKEST) / 255)
    colours = _colours_of(heat)
    # The surer a place is, the more of its colour; places that say nothing leave the face to be seen.
    opacity = (STRENGTH * np.abs(heat))[..., None]
    return np.asarray(np.round(grey * (1 - opacity) + colours * opacity), np.uint8)


def _colours_of(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    return _colour_table()[np.round((heat + 1) / 2 * (_TABLE_SIDE - 1)).astype(np.int64)]


def _draw_contour(picture: Pixels, heat: NDArray[np.float32]) -> None:
    import cv2  # noqa: PLC0415 - as above

    above = (heat >= CONTOUR_AT).astype(np.uint8)
    found, _ = cv2.findContours(above, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    lines = [line for line in found if cv2.contourArea(line) >= LEAST_CONTOUR * heat.size]
    cv2.drawContours(picture, lines, -1, (255, 255, 255), max(1, min(picture.shape[:2]) // 200), cv2.LINE_AA)


def _colour_table() -> NDArray[np.float32]:
    """(255, 3), RGB, 0..255, from surely real to surely fake."""
    places = np.linspace(-1, 1, _TABLE_SIDE)
    stops = list(_COLOURS)
    channels = zip(*_COLOURS.values(), strict=True)
    return np.stack([np.interp(places, stops, channel) for channel in channels], axis=1).astype(np.float32)
