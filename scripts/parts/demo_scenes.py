"""Draws the pictures of a demo clip: panels that move over a backdrop, shot after shot."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from worker.pipeline.results import Pixels


@dataclass(frozen=True)
class Pose:
    """Where a panel's middle is, in fractions of the frame's sides, and how high it is, in frame heights."""

    x: float
    y: float
    height: float

    def __post_init__(self) -> None:
        if self.height <= 0:
            raise ValueError(f"a panel must have a height, got {self.height}")

    def toward(self, other: "Pose", part: float) -> "Pose":
        """The pose `part` (0..1) of the way to another one."""
        return Pose(
            self.x + (other.x - self.x) * part,
            self.y + (other.y - self.y) * part,
            self.height + (other.height - self.height) * part,
        )


@dataclass(frozen=True)
class Panel:
    """A picture, by its name, that travels from one pose to another during a shot."""

    picture: str
    start: Pose
    end: Pose


@dataclass(frozen=True)
class Shot:
    """Seconds without a cut: what is seen, from back to front."""

    seconds: float
    panels: tuple[Panel, ...]


def draw(
    shots: tuple[Shot, ...], pictures: Mapping[str, Pixels], *, size: tuple[int, int], rate: int, seed: int
) -> Iterator[Pixels]:
    """Yields every picture of the shots, in order; `size` is (width, height) in pixels."""
    for number, shot in enumerate(shots):
        back = backdrop(size, seed=seed * 100 + number)
        placed = [(panel, _shrunk(pictures[panel.picture], panel, size[1])) for panel in shot.panels]
        count = round(shot.seconds * rate)
        for index in range(count):
            part = index / max(1, count - 1)
            # A sine starts and stops softly, as a hand or a motor does.
            eased = (1 - np.cos(np.pi * part)) / 2
            # The backdrop creeps, so that no two frames are the same.
            picture = np.roll(back, round(part * size[0] / 16), axis=1)
            for panel, pixels in placed:
                _paste(picture, pixels, panel.start.toward(panel.end, eased))
            yield picture


def backdrop(size: tuple[int, int], *, seed: int) -> Pixels:
    """A soft wall of one muted colour, light in some places and dark in others."""
    rng = np.random.default_rng(seed)
    colour = rng.integers(70, 160, size=(1, 1, 3))
    coarse = np.clip(colour + rng.integers(-45, 45, size=(4, 6, 1)), 0, 255).astype(np.uint8)
    # Closed to a ring, so that it can be rolled sideways without a seam.
    coarse = np.concatenate([coarse, coarse[:, :1]], axis=1)
    smooth: Pixels = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    return smooth


def _shrunk(pixels: Pixels, panel: Panel, frame_height: int) -> Pixels:
    """The picture at the largest size that the shot shows, never enlarged, so that moving it cannot alias."""
    wanted = max(panel.start.height, panel.end.height) * frame_height
    factor = min(1.0, wanted / pixels.shape[0])
    if factor == 1.0:
        return pixels
    sides = (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))
    smaller: Pixels = cv2.resize(pixels, sides, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return smaller


def _paste(picture: Pixels, pixels: Pixels, pose: Pose) -> None:
    """Lays a panel into the picture, in place, at fractions of a pixel."""
    frame_height, frame_width = picture.shape[:2]
    height, width = pixels.shape[:2]
    factor = pose.height * frame_height / height
    left = pose.x * frame_width - width * factor / 2
    top = pose.y * frame_height - height * factor / 2
    cv2.warpAffine(
        pixels,
        np.array([[factor, 0, left], [0, factor, top]], dtype=np.float64),
        (frame_width, frame_height),
        dst=picture,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_TRANSPARENT,
    )
