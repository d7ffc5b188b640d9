"""Links the faces of a video into tracks, one per person, over samples that may lie seconds apart.

Two hints: where the face was, and what it looked like (a normalised thumbnail). Between samples people move and cuts
happen, so a face that looks the same is the same person wherever it is, and one in the same place is the same person
unless it looks different.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.results import Box, Pixels

Look = NDArray[np.float32]
"""A face's thumbnail as a vector of length 1 and mean 0: the product of two is their correlation."""

LOOK_SIDE_PX = 16
NEAR = 1.0
"""A face within this distance (see `_distance`) is near enough to be the same one."""
SAME_LOOK = 0.8
"""Faces that correlate this much are one person wherever they are."""
OTHER_LOOK = 0.25
"""Faces in one place that correlate less than this are two persons, with a cut between them."""
LOOK_MEMORY = 0.7
"""Share of the old look that a track keeps when a new face joins it."""


def look_of(crop: Pixels) -> Look:
    """The look of a square face crop, (side, side, 3), RGB, uint8."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (LOOK_SIDE_PX, LOOK_SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    return _unit(small.ravel() - small.mean())


def link_tracks(
    frames: Sequence[tuple[float, Sequence[Box]]], looks: Sequence[Sequence[Look]] | None = None
) -> list[list[int]]:
    """The number of the track of each face; tracks are numbered from 0 in the order in which they begin.

    Args:
        frames: time in seconds and boxes of each frame, in order of time.
        looks: of the same faces in the same order; without them, place alone decides.

    Returns:
        for each frame the track of each of its boxes; within a frame no track occurs twice.
    """
    tracks: list[_Track] = []
    linked: list[list[int]] = []
    for position, (_, boxes) in enumerate(frames):
        faces = [_Face(box, looks[position][n] if looks is not None else None) for n, box in enumerate(boxes)]
        chosen = _assign(tracks, faces)
        for number, face in enumerate(faces):
            if number not in chosen:
                chosen[number] = len(tracks)
                tracks.append(_Track(face.box, face.look))
            else:
                tracks[chosen[number]].join(face)
        linked.append([chosen[number] for number in range(len(faces))])
    return linked


@dataclass(frozen=True)
class _Face:
    box: Box
    look: Look | None


@dataclass
class _Track:
    box: Box
    look: Look | None

    def join(self, face: _Face) -> None:
        self.box = face.box
        if self.look is not None and face.look is not None:
            self.look = _unit(LOOK_MEMORY * self.look + (1 - LOOK_MEMORY) * face.look)


def _assign(tracks: Sequence[_Track], faces: Sequence[_Face]) -> dict[int, int]:
    """The likeliest pairs first, each track and each face at most once."""
    likely = [
        (likeness, -track_number, -face_number)
        for face_number, face in enumerate(faces)
        for track_number, track in enumerate(tracks)
        if (likeness := _likeness(track, face)) is not None
    ]
    chosen: dict[int, int] = {}
    taken: set[int] = set()
    for _, track_number, face_number in sorted(likely, reverse=True):
        if -face_number not in chosen and -track_number not in taken:
            chosen[-face_number] = -track_number
            taken.add(-track_number)
    return chosen


def _likeness(track: _Track, face: _Face) -> float | None:
    """How likely a face belongs to a track, higher is likelier; None where it does not."""
    distance = _distance(track.box, face.box)
    nearness = math.exp(-distance)
    if track.look is None or face.look is None:
        return nearness if distance <= NEAR else None
    look = float(track.look @ face.look)
    is_same = look >= SAME_LOOK or (distance <= NEAR and look >= OTHER_LOOK)
    return nearness + look if is_same else None


def _distance(a: Box, b: Box) -> float:
    """Way between the centres in units of the faces' size, plus the difference in size as a log ratio."""
    size_a, size_b = max(a.w, a.h), max(b.w, b.h)
    across = (a.x + a.w / 2) - (b.x + b.w / 2)
    down = (a.y + a.h / 2) - (b.y + b.h / 2)
    return math.hypot(across, down) / ((size_a + size_b) / 2) + abs(math.log(size_a / size_b))


def _unit(vector: NDArray[np.float32]) -> Look:
    length = float(np.linalg.norm(vector))
    # A face of one colour has no look; it correlates with nothing.
    return np.asarray(vector / length if length > 0 else vector, np.float32)
