"""Finds faces in frames with CenterFace (Xu et al., 2020, arXiv:1911.03599) on OpenVINO."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.detector_file import DETECTOR_FILE, DETECTOR_NAME, DETECTOR_SHA256, find_detector
from worker.pipeline.openvino_network import compile_network, read_network, take_pictures
from worker.pipeline.results import Box, DetectedFace, Pixels

__all__ = [
    "DETECTOR_FILE",
    "DETECTOR_NAME",
    "DETECTOR_SHA256",
    "FaceDetector",
    "detect_in_picture",
    "find_detector",
]

MIN_SIDE_PX = 48
"""Smaller faces hold too few pixels to be judged."""
PICTURE_MARGIN = 0.4
"""Grey border around a still picture, as a share of its sides: faces that fill a picture are missed without."""
_GREY = 128
_STRIDE = 4  # input pixels per cell of the network's output
_OVERLAP = 0.3  # boxes that share more than this (intersection over union) are one face


@dataclass(frozen=True)
class _Canvas:
    """A size of the network's input; a frame is fitted into its upper left corner."""

    width: int
    height: int

    def factor_for(self, width: int, height: int) -> float:
        """What a frame's sides are multiplied with to fit in, at most 1."""
        return min(self.width / width, self.height / height, 1.0)


class FaceDetector:
    """CenterFace, compiled for a few shapes of input, each on first use.

    A frame is fitted into the smallest input that shrinks it least, and is never enlarged. Measured on 75 faces of
    48 px pasted into 720p frames: 96 % found at 768 px and confidence 0.4, 59 % at 640 px, none at 448 px.

    Args:
        model_path: the ONNX file.
        threads: threads of one detection.
        long_sides_px: longer sides of the network's inputs, multiples of 32.
        confidence: least confidence of a face, 0..1.

    Raises:
        BundleError: the file cannot be read as a network.
    """

    LONG_SIDES_PX = (512, 768)
    CONFIDENCE = 0.4

    def __init__(
        self,
        model_path: Path,
        *,
        threads: int = 1,
        long_sides_px: Sequence[int] = LONG_SIDES_PX,
        confidence: float = CONFIDENCE,
    ) -> None:
        self._canvases = tuple(canvas for side in long_sides_px for canvas in _canvases_of(side))
        self._model_path = model_path
        self._threads = threads
        self._confidence = confidence
        self._requests: dict[_Canvas, Any] = {}
        self._inputs: dict[_Canvas, Pixels] = {}

    def warm_up(self) -> None:
        """Compiles the network for landscape frames, so that the first video does not wait for it."""
        self._request_for(self._canvases[-1])

    def detect(self, pixels: Pixels, *, min_side_px: int = MIN_SIDE_PX) -> list[DetectedFace]:
        """The faces in a frame, surest first.

        Args:
            pixels: (height, width, 3), RGB, uint8.
            min_side_px: faces whose longer side is below this are left out.
        """
        height, width = pixels.shape[:2]
        canvas = min(self._canvases, key=lambda c: (-c.factor_for(width, height), c.width * c.height))
        factor = canvas.factor_for(width, height)
        fitted = (max(1, round(width * factor)), max(1, round(height * factor)))
        request = self._request_for(canvas)
        blob = self._inputs[canvas]
        blob[:] = 0
        blob[0, : fitted[1], : fitted[0]] = cv2.resize(pixels, fitted, interpolation=cv2.INTER_AREA)
        outputs = request.infer()
        maps = [np.asarray(outputs[position]) for position in range(3)]
        boxes, confidences = _decode(maps[0][0, 0], maps[1][0], maps[2][0], self._confidence)
        scale = np.array([width / fitted[0], height / fitted[1]] * 2)
        return _as_faces(boxes * scale, confidences, (width, height), min_side_px)

    def _request_for(self, canvas: _Canvas) -> Any:
        if canvas not in self._requests:
            network = read_network(self._model_path)
            network.reshape([1, 3, canvas.height, canvas.width])
            request = compile_network(take_pictures(network), threads=self._threads).create_infer_request()
            # A view of the network's own input: a frame is resized straight into it.
            self._inputs[canvas] = request.get_input_tensor().data
            self._requests[canvas] = request
        return self._requests[canvas]


def _canvases_of(long_side_px: int) -> tuple[_Canvas, _Canvas, _Canvas]:
    if long_side_px <= 0 or long_side_px % 32:
        raise ValueError(f"long sides must be positive multiples of 32, got {long_side_px}")
    short_side_px = -(-long_side_px * 9 // (16 * 32)) * 32
    return (
        _Canvas(long_side_px, long_side_px),
        _Canvas(short_side_px, long_side_px),
        # Last, for warming up: most videos are wider than high.
        _Canvas(long_side_px, short_side_px),
    )


def detect_in_picture(detector: FaceDetector, pixels: Pixels, *, min_side_px: int = MIN_SIDE_PX) -> list[DetectedFace]:
    """The faces in a still picture, which may be a tight crop of one face; boxes in the picture's own pixels.

    The picture is looked at within a grey border; measured, that finds faces that fill a picture.
    """
    height, width = pixels.shape[:2]
    across, down = round(width * PICTURE_MARGIN), round(height * PICTURE_MARGIN)
    grey = (_GREY, _GREY, _GREY)
    framed = cv2.copyMakeBorder(pixels, down, down, across, across, cv2.BORDER_CONSTANT, value=grey)
    found = detector.detect(np.asarray(framed, dtype=np.uint8), min_side_px=min_side_px)
    moved = [(Box(f.box.x - across, f.box.y - down, f.box.w, f.box.h), f.detection) for f in found]
    return [
        DetectedFace(box, confidence)
        for box, confidence in moved
        if 0 <= box.x + box.w / 2 < width and 0 <= box.y + box.h / 2 < height
    ]


def _decode(
    heat: NDArray[np.float32], sizes: NDArray[np.float32], offsets: NDArray[np.float32], confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Boxes (n, 4) as x, y, w, h in input pixels, and confidences (n,), surest first, overlaps removed."""
    rows, columns = np.nonzero(heat > confidence)
    found = heat[rows, columns].astype(np.float64)
    heights, widths = np.exp(sizes[:, rows, columns].astype(np.float64)) * _STRIDE
    y = (rows + offsets[0, rows, columns] + 0.5) * _STRIDE - heights / 2
    x = (columns + offsets[1, rows, columns] + 0.5) * _STRIDE - widths / 2
    order = np.argsort(-found, kind="stable")
    boxes = np.stack([x, y, widths, heights], axis=1)[order]
    kept = _without_overlaps(boxes)
    return boxes[kept], found[order][kept]


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
) -> list[DetectedFace]:
    faces: list[DetectedFace] = []
    for (x, y, w, h), confidence in zip(boxes.tolist(), confidences.tolist(), strict=True):
        is_inside = x < size[0] and y < size[1] and x + w > 0 and y + h > 0
        if is_inside and max(w, h) >= min_side_px:
            faces.append(DetectedFace(Box(x, y, w, h), min(1.0, confidence)))
    return faces
