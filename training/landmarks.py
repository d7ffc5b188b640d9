"""Draws the regions of a face from its five points: the whole face, its lower half, eyes and nose, the mouth.

The points span a frame of their own: across from eye to eye, down from the eyes' middle to the mouth's. The outline of
an average face in that frame, narrowed on the side that the nose points to, takes the place of dense landmarks.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(n, 2): x, y in pixels."""
Region = Literal["face", "forehead", "inner", "lower", "eyes_nose", "eyes", "mouth", "nose"]

# In units of the frame: the eyes lie at (-0.5, 0) and (0.5, 0), the middle of the mouth at (0, 1).
_JAW = ((-1.08, 0.0), (-1.05, 0.45), (-0.95, 0.9), (-0.74, 1.28), (-0.4, 1.58), (0.0, 1.68))
_BROWS = ((-1.0, -0.28), (-0.72, -0.46), (-0.28, -0.42))
_FOREHEAD = ((-1.06, -0.4), (-0.85, -0.85), (-0.42, -1.08), (0.0, -1.14))
_HALVES: dict[Region, tuple[tuple[float, float], ...]] = {
    "face": (*_JAW[::-1], *_BROWS),
    "forehead": (*_JAW[::-1], *_FOREHEAD),
    "inner": ((0.0, 1.32), (-0.5, 1.22), (-0.74, 0.85), (-0.86, 0.2), (-0.9, -0.25), *_BROWS[1:]),
    "lower": ((0.0, 1.68), (-0.4, 1.58), (-0.74, 1.28), (-0.95, 0.9), (-0.9, 0.62), (0.0, 0.5)),
    "eyes_nose": ((0.0, 0.78), (-0.36, 0.7), (-0.62, 0.3), (-0.92, 0.24), (-0.95, -0.3), *_BROWS[1:]),
    "eyes": ((0.0, 0.16), (-0.5, 0.28), (-0.92, 0.16), (-0.95, -0.3), *_BROWS[1:]),
    "mouth": ((0.0, 1.36), (-0.34, 1.3), (-0.58, 1.0), (-0.34, 0.78), (0.0, 0.76)),
    "nose": ((0.0, 0.78), (-0.34, 0.68), (-0.3, 0.4), (-0.12, -0.1)),
}
REGIONS: tuple[Region, ...] = tuple(_HALVES)
_TURN_GAIN = 1.3


def outline_of(points: Points, region: Region) -> Points:
    """The polygon around a region of a face, (n, 2), in the pixels of the points.

    Args:
        points: (5, 2): eyes, nose, corners of the mouth, the picture's left first.
        region: which.
    """
    left_half = np.array(_HALVES[region])
    # The middle points are their own mirror images.
    right_half = (left_half * (-1, 1))[::-1]
    outline = np.concatenate([left_half, right_half[right_half[:, 0] > 0]])
    middle, across, down = frame_of(points)
    turn = float(np.clip(_TURN_GAIN * nose_offset(points), -0.55, 0.55))
    outline[:, 0] *= np.where(outline[:, 0] < 0, 1 + turn, 1 - turn)
    return np.asarray(middle + outline[:, :1] * across + outline[:, 1:] * down, np.float64)


def frame_of(points: Points) -> tuple[Points, Points, Points]:
    """The middle of the eyes, the way from eye to eye, and the way from there to the middle of the mouth."""
    middle = points[:2].mean(axis=0)
    across, down = points[1] - points[0], points[3:].mean(axis=0) - middle
    # A face in profile: the eyes lie on one another, but the head stays as wide as it is deep.
    least = 0.55 * float(np.hypot(*down))
    width = float(np.hypot(*across))
    if width < least:
        way = across / width if width > 1e-3 else np.array([down[1], -down[0]]) / max(1e-3, float(np.hypot(*down)))
        across = way * least
    return middle, across, down


def nose_offset(points: Points) -> float:
    """How far the nose lies off the line from eyes to mouth, in eye distances; positive where it points right."""
    middle, across, down = frame_of(points)
    frame = np.stack([across, down], axis=1)
    if abs(np.linalg.det(frame)) < 1e-6:
        return 0.0
    return float(np.linalg.solve(frame, points[2] - middle)[0])


def shape_of(points: Points) -> NDArray[np.float64]:
    """Where the points lie within the face, free of place and size: (10,). Near shapes are near poses."""
    middle = points.mean(axis=0)
    spread = float(np.sqrt(((points - middle) ** 2).sum(axis=1).mean()))
    return np.asarray(((points - middle) / max(spread, 1e-6)).ravel(), np.float64)


def warp_between(source: Points, target: Points) -> NDArray[np.float64]:
    """The (2, 3) matrix that turns, scales and moves one face's points onto another's, by least squares.

    After Umeyama (1991): a similarity, so a face keeps its proportions.
    """
    source_middle, target_middle = source.mean(axis=0), target.mean(axis=0)
    a, b = (source - source_middle), (target - target_middle)
    norm = max(float((a**2).sum()), 1e-6)
    cos = float((a * b).sum()) / norm
    sin = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / norm
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.concatenate([turn, (target_middle - turn @ source_middle)[:, None]], axis=1)
