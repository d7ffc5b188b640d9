"""Finds faces in frames with CenterFace (Xu et al., 2020, arXiv:1911.03599) on OpenVINO."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.detector_file import DETECTOR_FILE, DETECTOR_NAME, DETECTOR_SHA256, find_detector
from worker.pipeline.detector_network import GRID_PX, LARGEST_SIDE_PX, DetectorNetwork
from worker.pipeline.openvino_detector import OpenvinoDetector
from worker.pipeline.precision import Precision
from worker.pipeline.results import Box, DetectedFace, Pixels

__all__ = [
    "DETECTOR_FILE",
    "DETECTOR_NAME",
    "DETECTOR_SHA256",
    "FaceDetector",
    "LandmarkedFace",
    "detect_in_picture",
    "detect_landmarks_in_picture",
    "find_detector",
]

MIN_SIDE_PX = 48
"""Smaller faces hold too few pixels to be judged."""
PICTURE_MARGIN = 0.4
"""Grey border around a still picture, as a share of its sides: faces that fill a picture are missed without."""
MAX_FACES = 64
"""Of a picture; the surest. More are a crowd, or a picture made to exhaust whoever judges it."""
_MAX_CANDIDATES = 4096  # cells that are compared with each other: a picture made for it could fill all 36,864
_MAX_GROWTH = 4  # times the picture's longer side: a box that is wider is no face, and may be infinite
_GREY = 128
_STRIDE = 4  # input pixels per cell of the network's output
_OVERLAP = 0.3  # boxes that share more than this (intersection over union) are one face


@dataclass(frozen=True)
class LandmarkedFace(DetectedFace):
    """A face with five points.

    Args:
        points: (5, 2) as x, y in the frame's own pixels: the eye on the picture's left, the other, the tip of the nose,
            the corner of the mouth on the picture's left, the other. They may lie outside the picture.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if [len(point) for point in self.points] != [2] * 5:
            raise ValueError(f"a face has five points of two numbers, got {self.points}")


Face = TypeVar("Face", bound=DetectedFace)

_Found = tuple[list[tuple[DetectedFace, tuple[int, int]]], NDArray[np.float32]]
"""A frame's faces, surest first, each with its row and column in the network's outputs; and the points of all cells."""


class FaceDetector:
    """CenterFace, compiled once for every size of frame.

    A frame is shrunk to 0.6 of its sides, more where it would not fit, and never enlarged: a face of 48 px keeps 29.
    Measured at confidence 0.4 on 86 real faces of 48 px in 720p frames: 100 % found at 0.6, 99 % at 0.5, 94 % at 0.4,
    77 % at 0.35; on 75 tight portraits 96 % at 0.6 and 59 % at 0.5. Processor time of one frame: 34 ms at 1280x720,
    9 ms at 640x360.

    Args:
        model: the ONNX file, to be run by OpenVINO, or the network as another engine has loaded it.
        threads: threads of one detection, by OpenVINO.
        long_side_px: of the network's largest input, a multiple of 32.
        factor: what the sides of a frame are multiplied with, where that leaves at least half of the largest input.
        confidence: least confidence of a face, 0..1.
        precision: that OpenVINO calculates in. In bfloat16 it finds the same faces (measured: all 392 of 380 frames
            of 95 clips and none besides, boxes sharing 0.986 of their area), in less than half of the time where the
            processor has units for it.

    Raises:
        BundleError: the file cannot be read as a network.
    """

    LONG_SIDE_PX = LARGEST_SIDE_PX
    FACTOR = 0.6
    CONFIDENCE = 0.4

    def __init__(
        self,
        model: Path | DetectorNetwork,
        *,
        threads: int = 1,
        long_side_px: int = LONG_SIDE_PX,
        factor: float = FACTOR,
        confidence: float = CONFIDENCE,
        precision: Precision = "float32",
    ) -> None:
        if long_side_px <= 0 or long_side_px % GRID_PX:
            raise ValueError(f"long_side_px must be a positive multiple of {GRID_PX}, got {long_side_px}")
        self._long_side_px = long_side_px
        self._factor = factor
        self._confidence = confidence
        self._network = (
            OpenvinoDetector(model, threads=threads, precision=precision) if isinstance(model, Path) else model
        )
        self._fitted = (0, 0)
        self._canvases: NDArray[np.uint8] = np.zeros((0, 0, 0, 3), np.uint8)

    @property
    def batch_size(self) -> int:
        """How many frames of one size it had best be given at once: one on a processor."""
        return self._network.batch_size

    def detect(self, pixels: Pixels, *, min_side_px: int = MIN_SIDE_PX) -> list[DetectedFace]:
        """The faces in a frame, surest first, at most `MAX_FACES`.

        Args:
            pixels: (height, width, 3), RGB, uint8.
            min_side_px: faces whose longer side is below this are left out.
        """
        return self.detect_each([pixels], min_side_px=min_side_px)[0]

    def detect_each(self, frames: Sequence[Pixels], *, min_side_px: int = MIN_SIDE_PX) -> list[list[DetectedFace]]:
        """The same of each of some frames of one size; the network sees `batch_size` of them at once."""
        size = self.batch_size
        parts = [self._find(frames[start : start + size], min_side_px) for start in range(0, len(frames), size)]
        return [[face for face, _ in found] for part in parts for found, _ in part]

    def detect_with_landmarks(self, pixels: Pixels, *, min_side_px: int = MIN_SIDE_PX) -> list[LandmarkedFace]:
        """The same faces in the same order with their points, which the same pass of the network gives."""
        ((found, places),) = self._find([pixels], min_side_px)
        return [_with_points(face, places[:, row, column]) for face, (row, column) in found]

    def _find(self, frames: Sequence[Pixels], min_side_px: int) -> list[_Found]:
        height, width = frames[0].shape[:2]
        fitted = self._fitted_size(width, height)
        outputs = self._network.run(self._on_canvases(frames, fitted))
        scale = np.array([width / fitted[0], height / fitted[1]] * 2)
        found: list[_Found] = []
        for heat, sizes, offsets, places in zip(*outputs, strict=True):
            boxes, confidences, cells = _decode(heat[0], sizes, offsets, self._confidence)
            faces = _as_faces(boxes * scale, confidences, (width, height), min_side_px)
            found.append(([(face, cells[place]) for place, face in faces[:MAX_FACES]], places))
        return found

    def _on_canvases(self, frames: Sequence[Pixels], fitted: tuple[int, int]) -> NDArray[np.uint8]:
        """The frames, each in the upper left of an input of the network and black beside it; until the next ones."""
        if fitted != self._fitted or len(frames) != len(self._canvases):
            self._fitted = fitted
            sides = (-(-side // GRID_PX) * GRID_PX for side in fitted[::-1])
            self._canvases = np.zeros((len(frames), *sides, 3), np.uint8)
        method = self._method(fitted[0] / frames[0].shape[1])
        for canvas, pixels in zip(self._canvases, frames, strict=True):
            cv2.resize(pixels, fitted, dst=canvas[: fitted[1], : fitted[0]], interpolation=method)
        return self._canvases

    def _method(self, factor: float) -> int:
        # A quarter of the time (0.3 ms of 1.3), for boxes that share 0.997 of their area with the others: less than
        # bfloat16 moves them. Below a half it would skip pixels.
        is_quick = not self._network.is_exact and factor >= 0.5
        return cv2.INTER_LINEAR if is_quick else cv2.INTER_AREA

    def _fitted_size(self, width: int, height: int) -> tuple[int, int]:
        longer = max(width, height)
        wanted = min(max(longer * self._factor, self._long_side_px / 2), self._long_side_px)
        factor = min(wanted / longer, 1.0)
        return max(1, round(width * factor)), max(1, round(height * factor))


def detect_in_picture(detector: FaceDetector, pixels: Pixels, *, min_side_px: int = MIN_SIDE_PX) -> list[DetectedFace]:
    """The faces in a still picture, surest first; boxes in the picture's own pixels.

    The picture is looked at within a grey border, which finds faces that fill a picture, and then as it is, which finds
    smaller ones in groups.
    """
    return _look_twice(lambda seen: detector.detect(seen, min_side_px=min_side_px), pixels)


def detect_landmarks_in_picture(
    detector: FaceDetector, pixels: Pixels, *, min_side_px: int = MIN_SIDE_PX
) -> list[LandmarkedFace]:
    """The same faces in the same order with their points, in the picture's own pixels."""
    return _look_twice(lambda seen: detector.detect_with_landmarks(seen, min_side_px=min_side_px), pixels)


def _look_twice(detect: Callable[[Pixels], list[Face]], pixels: Pixels) -> list[Face]:
    framed = _within_border(detect, pixels)
    more = [face for face in detect(pixels) if not any(_share_place(face.box, known.box) for known in framed)]
    return sorted([*framed, *more], key=lambda face: -face.detection)[:MAX_FACES]


def _within_border(detect: Callable[[Pixels], list[Face]], pixels: Pixels) -> list[Face]:
    height, width = pixels.shape[:2]
    across, down = round(width * PICTURE_MARGIN), round(height * PICTURE_MARGIN)
    grey = (_GREY, _GREY, _GREY)
    framed = cv2.copyMakeBorder(pixels, down, down, across, across, cv2.BORDER_CONSTANT, value=grey)
    moved = [_shifted(face, -across, -down) for face in detect(np.asarray(framed, dtype=np.uint8))]
    return [
        face for face in moved if 0 <= face.box.x + face.box.w / 2 < width and 0 <= face.box.y + face.box.h / 2 < height
    ]


def _shifted(face: Face, across: int, down: int) -> Face:
    box = Box(face.box.x + across, face.box.y + down, face.box.w, face.box.h)
    if isinstance(face, LandmarkedFace):
        return replace(face, box=box, points=tuple((x + across, y + down) for x, y in face.points))
    return replace(face, box=box)


def _share_place(one: Box, other: Box) -> bool:
    """Whether two boxes are of one face: much of the smaller lies in the larger."""
    across = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    down = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    return across > 0 and down > 0 and across * down > _OVERLAP * min(one.w * one.h, other.w * other.h)


def _decode(
    heat: NDArray[np.float32], sizes: NDArray[np.float32], offsets: NDArray[np.float32], confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[tuple[int, int]]]:
    """Boxes (n, 4) as x, y, w, h in input pixels, confidences (n,) and cells, surest first, overlaps removed."""
    rows, columns = np.nonzero(heat > confidence)
    found = heat[rows, columns]
    surest = np.argsort(-found, kind="stable")[:_MAX_CANDIDATES]
    rows, columns, found = rows[surest], columns[surest], found[surest]
    logs = sizes[:, rows, columns]
    # Before the exponential, which overflows. A comparison with what is no number is false.
    sane = np.all(np.abs(logs) <= np.log(_MAX_GROWTH * max(heat.shape)), axis=0)
    rows, columns, found, logs = rows[sane], columns[sane], found[sane], logs[:, sane]
    heights, widths = np.exp(logs.astype(np.float64)) * _STRIDE
    down, across = offsets[:, rows, columns]
    y = (rows + down + 0.5) * _STRIDE - heights / 2
    x = (columns + across + 0.5) * _STRIDE - widths / 2
    boxes = np.stack([x, y, widths, heights], axis=1)
    kept = _without_overlaps(boxes)
    cells = list(zip(rows[kept].tolist(), columns[kept].tolist(), strict=True))
    return boxes[kept], found[kept].astype(np.float64), cells


def _without_overlaps(boxes: NDArray[np.float64]) -> list[int]:
    x0, y0 = boxes[:, 0], boxes[:, 1]
    x1, y1 = x0 + boxes[:, 2], y0 + boxes[:, 3]
    areas = boxes[:, 2] * boxes[:, 3]
    waiting = np.arange(len(boxes))
    kept: list[int] = []
    while len(waiting):
        best, rest = waiting[0], waiting[1:]
        kept.append(int(best))
        across = np.clip(np.minimum(x1[best], x1[rest]) - np.maximum(x0[best], x0[rest]), 0, None)
        down = np.clip(np.minimum(y1[best], y1[rest]) - np.maximum(y0[best], y0[rest]), 0, None)
        shared = across * down
        waiting = rest[shared / (areas[best] + areas[rest] - shared) <= _OVERLAP]
    return kept


def _as_faces(
    boxes: NDArray[np.float64], confidences: NDArray[np.float64], size: tuple[int, int], min_side_px: int
) -> list[tuple[int, DetectedFace]]:
    """The boxes that lie in the picture and are large enough, as faces, each with its place among the boxes."""
    faces: list[tuple[int, DetectedFace]] = []
    for place, ((x, y, w, h), confidence) in enumerate(zip(boxes.tolist(), confidences.tolist(), strict=True)):
        is_inside = x < size[0] and y < size[1] and x + w > 0 and y + h > 0
        if is_inside and max(w, h) >= min_side_px:
            faces.append((place, DetectedFace(Box(x, y, w, h), min(1.0, confidence))))
    return faces


def _with_points(face: DetectedFace, shares: NDArray[np.float32]) -> LandmarkedFace:
    """A face with its points, which the network gives as shares of the box, y before x."""
    box = face.box
    places = shares.reshape(5, 2).astype(np.float64).tolist()
    points = tuple((box.x + across * box.w, box.y + down * box.h) for down, across in places)
    return LandmarkedFace(box, face.detection, points)
