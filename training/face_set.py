"""The cut faces of one picture or video, as values and as they lie on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from training.store import StoredFaces, store_faces
from worker.pipeline.preprocessing import CROP_MARGIN
from worker.pipeline.results import Box
from worker.pipeline.tracking import link_tracks, look_of

Crops = NDArray[np.uint8]
Points = NDArray[np.float64]

# Room for the augmentation to shift, turn and scale without running into an edge.
WIDE_MARGIN = 1.6
PRINTED_FRAMES = 4
"""Frames of a video by which near-duplicates are found."""
_FACTS = ("frames", "detections", "boxes", "landmarks", "times_s", "prints")


class FacePixels(Protocol):
    """Where the pixels of faces come from: memory, or files that are mapped when they are asked for."""

    @property
    def exact(self) -> Crops:
        """Exactly what a scan gives the network: (n, size, size, 3), RGB, uint8."""

    @property
    def wide(self) -> Crops:
        """The same faces at the same scale with more around them: (n, wide size, wide size, 3)."""


@dataclass(frozen=True)
class HeldFaces:
    """Pixels of faces in memory."""

    exact: Crops
    wide: Crops


@dataclass(frozen=True)
class FaceSet:
    """The faces of one picture or video.

    Args:
        sha256: of the content.
        pixels: of the faces.
        frames: (n,): the number of the sampled frame that each face was found in.
        detections: (n,): the detector's confidence, 0..1.
        boxes: (n, 4): x, y, width, height of each face in the decoded picture's pixels.
        landmarks: (n, 5, 2): x, y of eyes, nose and corners of the mouth in the same pixels; see LandmarkedFace.
        times_s: (frames,): the presentation time of every sampled frame, with a face or without.
        prints: (k, 4, 32), uint8: of some sampled frames, the hashes by which near-duplicates are found: of the whole
            frame, the same mirrored, of its largest face, the same mirrored; zeros where there is none.
    """

    sha256: str
    pixels: FacePixels
    frames: NDArray[np.int64]
    detections: NDArray[np.float64]
    boxes: NDArray[np.float64]
    landmarks: Points
    times_s: NDArray[np.float64]
    prints: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def crops(self) -> Crops:
        """What a scan gives the network."""
        return self.pixels.exact

    @property
    def wide(self) -> Crops:
        """The same faces with more around them."""
        return self.pixels.wide

    @property
    def thumbprint(self) -> NDArray[np.uint8]:
        """The hash of the picture, or of the video's first printed frame: (32,)."""
        return np.asarray(self.prints[0, 0], np.uint8)

    @property
    def largest(self) -> NDArray[np.int64]:
        """The place of each frame's largest face: the one that the label is about."""
        return largest_faces(self.frames, self.boxes)

    @property
    def printed(self) -> NDArray[np.int64]:
        """The faces whose hashes are in `prints`, in that order; none where there is no face."""
        return spread_evenly(self.largest, PRINTED_FRAMES)

    def points_in_wide(self, face: int) -> Points:
        """The five points of a face in pixels of its wide crop, (5, 2)."""
        x, y, w, h = self.boxes[face].tolist()
        return points_in_crop(self.landmarks[face], Box(x, y, w, h), margin=WIDE_MARGIN, size_px=self.wide.shape[1])

    def tracks(self) -> list[int]:
        """The number of each face's person, by the worker's own rule."""
        crops = self.crops
        places = [np.flatnonzero(self.frames == frame) for frame in range(len(self.times_s))]
        boxes = [[Box(*self.boxes[place].tolist()) for place in found] for found in places]
        looks = [[look_of(crops[place]) for place in found] for found in places]
        linked = link_tracks(list(zip(self.times_s.tolist(), boxes, strict=True)), looks=looks)
        return [track for tracks in linked for track in tracks]


def wide_size_px(size_px: int) -> int:
    """Side of the wide crop that shows a face at the scale of a `size_px` crop."""
    return round(size_px * WIDE_MARGIN / CROP_MARGIN)


def largest_faces(frames: NDArray[np.int64], boxes: NDArray[np.float64]) -> NDArray[np.int64]:
    """The place of each frame's largest face, in the order of the frames."""
    sides = boxes[:, 2:].max(axis=1, initial=0)
    best: dict[int, int] = {}
    for place, frame in enumerate(frames.tolist()):
        if frame not in best or sides[place] > sides[best[frame]]:
            best[frame] = place
    return np.array(sorted(best.values()), np.int64)


def spread_evenly(places: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most `count` of the places, from the first to the last."""
    picked = np.linspace(0, len(places) - 1, min(count, len(places)))
    return places[np.unique(np.round(picked).astype(np.int64))]


def points_in_crop(points: Points, box: Box, *, margin: float, size_px: int) -> Points:
    """Points of a picture in pixels of the crop that `crop_face` cuts around a box, (n, 2)."""
    side = max(1, round(max(box.w, box.h) * margin))
    corner = np.array([round(box.x + box.w / 2 - side / 2), round(box.y + box.h / 2 - side / 2)])
    return np.asarray((points - corner) * (size_px / side), np.float64)


def save_face_set(base: Path, faces: FaceSet) -> FaceSet:
    """Writes a face set, whole or not at all, and gives it back with its pixels on disk.

    Args:
        base: the path of its files without their endings.
        faces: to be written.
    """
    base.parent.mkdir(parents=True, exist_ok=True)
    stored = store_faces(base, exact=faces.crops, wide=faces.wide)
    partial_path = _facts_path(base).with_suffix(".facts")
    with partial_path.open("wb") as file:
        np.savez(file, sizes=np.array(stored.sizes), **{name: getattr(faces, name) for name in _FACTS})
    # Last of all: its presence says that the pixels are there too.
    partial_path.replace(_facts_path(base))
    return _with_pixels(faces, stored)


def load_face_set(base: Path, sha256: str) -> FaceSet | None:
    """A face set with its pixels on disk; None where it is missing or damaged."""
    stored = StoredFaces(base)
    try:
        with np.load(_facts_path(base), allow_pickle=False) as kept:
            facts = {name: kept[name] for name in _FACTS}
            # A file that a crash of the machine cut short would be found out in the middle of a fit.
            if "sizes" in kept and tuple(kept["sizes"].tolist()) != stored.sizes:
                return None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return FaceSet(sha256=sha256, pixels=stored, **facts) if stored.is_whole else None


def _with_pixels(faces: FaceSet, pixels: FacePixels) -> FaceSet:
    return FaceSet(sha256=faces.sha256, pixels=pixels, **{name: getattr(faces, name) for name in _FACTS})


def _facts_path(base: Path) -> Path:
    return base.with_name(f"{base.name}-facts.npz")
