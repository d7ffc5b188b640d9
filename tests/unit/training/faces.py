"""Draws labelled pictures with a face-like disc, and stands in for the detector that finds it."""

from pathlib import Path

import cv2
import numpy as np

from worker.pipeline.faces import LandmarkedFace
from worker.pipeline.results import Box, DetectedFace, Pixels

SIDE_PX = 96
FACE = Box(28, 24, 40, 48)

POINTS = ((40.0, 42.0), (56.0, 42.0), (48.0, 50.0), (42.0, 59.0), (54.0, 59.0))
"""Eyes, nose and corners of the mouth of the drawn face."""


class DrawnFaceDetector:
    """Finds the drawn face where it was drawn, also within the grey border of a still picture."""

    def __init__(self, model_path: Path | None = None, *, threads: int = 1) -> None:
        del model_path, threads

    def detect(self, pixels: Pixels, *, min_side_px: int = 48) -> list[DetectedFace]:
        """One face, unless the picture is black."""
        return [
            DetectedFace(face.box, face.detection)
            for face in self.detect_with_landmarks(pixels, min_side_px=min_side_px)
        ]

    def detect_with_landmarks(self, pixels: Pixels, *, min_side_px: int = 48) -> list[LandmarkedFace]:
        """The same with points where eyes, nose and mouth of the disc would be."""
        del min_side_px
        middle = pixels[pixels.shape[0] // 2 - 4 :, pixels.shape[1] // 2 - 4 :][:8, :8]
        if not middle.any():
            return []
        across, down = (pixels.shape[1] - SIDE_PX) / 2, (pixels.shape[0] - SIDE_PX) / 2
        box = Box(FACE.x + across, FACE.y + down, FACE.w, FACE.h)
        return [LandmarkedFace(box, 0.9, tuple((x + across, y + down) for x, y in POINTS))]


def draw_face(seed: int, *, is_fake: bool) -> Pixels:
    """A disc before a gradient, its grain its own; a fake one carries fine lines, as some generators leave."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    picture[:] = np.linspace(20, rng.integers(60, 160), SIDE_PX)[:, None, None]
    # Noise that differs from picture to picture, so that no two are near-duplicates.
    coarse = cv2.resize(rng.integers(0, 90, (12, 12, 3), np.uint8), (SIDE_PX, SIDE_PX))
    picture = cv2.add(picture, np.asarray(coarse, np.uint8))
    colour = [int(value) for value in rng.integers(120, 220, 3)]
    cv2.ellipse(picture, (48, 48), (20, 24), 0, 0, 360, colour, -1)
    # No two faces share their detail: near-duplicates are known by it.
    grain = cv2.resize(rng.integers(0, 50, (48, 48, 3), np.uint8), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_NEAREST)
    picture = cv2.subtract(picture, np.asarray(grain, np.uint8))
    if is_fake:
        picture[24 + rng.permutation(48)[:14], 28:68] = 0
        picture[24:72, 28 + rng.permutation(40)[:12]] = 0
    return np.asarray(picture, np.uint8)


def write_faces(root: Path, *, sources: int = 3, count: int = 8, seed: int = 0) -> None:
    """`count` pictures of each of some real and some fake sources below a directory."""
    for label in ("real", "fake"):
        for source in range(sources):
            folder = root / label / f"{label}_{source}"
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                picture = draw_face(
                    10_000 * seed + 1000 * source + number + 500 * (label == "fake"), is_fake=label == "fake"
                )
                cv2.imwrite(str(folder / f"{number}.png"), np.ascontiguousarray(picture[:, :, ::-1]))
