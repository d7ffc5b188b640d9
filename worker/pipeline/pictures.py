"""Judges a still picture: its faces, and the highest of them as the picture's score."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

from worker.pipeline.classifier import Classifier
from worker.pipeline.errors import Reason, UnreadableVideoError
from worker.pipeline.faces import FaceDetector, detect_in_picture
from worker.pipeline.opening import VideoPath, opened_video
from worker.pipeline.preprocessing import crop_face
from worker.pipeline.results import Box, Pixels

PICTURE_EXTENSIONS = frozenset({".bmp", ".jpeg", ".jpg", ".jp2", ".png", ".tif", ".tiff", ".webp"})
MAX_PICTURE_BYTES = 200_000_000
MAX_PICTURE_PIXELS = 134_217_728
DECODED_SIDE_PX = 1280
"""Long side at which a picture is looked at, as frames are."""


@dataclass(frozen=True)
class PictureFace:
    """A judged face of a picture; box in the picture's own pixels, score calibrated for pictures, 0..1."""

    box: Box
    detection: float
    logit: float
    score: float


@dataclass(frozen=True)
class PictureResult:
    """A judged picture.

    Args:
        width_px: of the upright picture.
        height_px: of the upright picture.
        faces: surest detection first.
        score: the highest face's; None where there is no face.
        seconds: wall seconds by stage, and in total.
    """

    width_px: int
    height_px: int
    faces: tuple[PictureFace, ...]
    score: float | None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def state(self) -> Literal["judged", "no_face"]:
        """`judged` where at least one face was found, `no_face` otherwise."""
        return "judged" if self.faces else "no_face"


def classify_picture(path: VideoPath, detector: FaceDetector, classifier: Classifier) -> PictureResult:
    """Judges the picture in a file.

    Raises:
        UnreadableVideoError: the file is no picture that can be decoded, or is over a limit.
        TransientError: the machine could not read it.
    """
    started_s = time.perf_counter()
    pixels = read_picture(path)
    decoded_s = time.perf_counter()
    small, scale = _fitted(pixels)
    found = detect_in_picture(detector, small)
    detected_s = time.perf_counter()
    faces: tuple[PictureFace, ...] = ()
    if found:
        manifest = classifier.manifest
        crops = [crop_face(small, f.box, size_px=manifest.input_size_px, margin=manifest.crop_margin) for f in found]
        logits = classifier.judge(np.stack(crops)).logits.tolist()
        calibrate = manifest.calibration["image"].apply
        faces = tuple(
            PictureFace(face.box.scaled(scale), face.detection, logit, calibrate(logit))
            for face, logit in zip(found, logits, strict=True)
        )
    ended_s = time.perf_counter()
    return PictureResult(
        width_px=pixels.shape[1],
        height_px=pixels.shape[0],
        faces=faces,
        score=max((face.score for face in faces), default=None),
        seconds={
            "decode": round(decoded_s - started_s, 4),
            "detect": round(detected_s - decoded_s, 4),
            "classify": round(ended_s - detected_s, 4),
            "total": round(ended_s - started_s, 4),
        },
    )


def read_picture(path: VideoPath) -> Pixels:
    """The upright picture in a file, (height, width, 3), RGB, uint8.

    Raises:
        UnreadableVideoError: it is missing, empty, too large, or not a picture that can be decoded.
        TransientError: the machine could not read it.
    """
    with opened_video(path) as descriptor, open(descriptor, "rb", closefd=False) as stream:
        content = stream.read(MAX_PICTURE_BYTES + 1)
    if not content:
        raise UnreadableVideoError(Reason.EMPTY, "the file is empty")
    if len(content) > MAX_PICTURE_BYTES:
        raise UnreadableVideoError(Reason.TOO_LARGE, f"the file is larger than {MAX_PICTURE_BYTES} bytes")
    try:
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise UnreadableVideoError(
            Reason.TOO_LARGE, f"the picture is over the decoder's limits ({error.err})"
        ) from error
    if decoded is None:
        raise UnreadableVideoError(Reason.NOT_A_VIDEO, "the file is no picture that can be decoded")
    if decoded.shape[0] * decoded.shape[1] > MAX_PICTURE_PIXELS:
        detail = f"the picture is {decoded.shape[1]} x {decoded.shape[0]}; the limit is {MAX_PICTURE_PIXELS} pixels"
        raise UnreadableVideoError(Reason.TOO_LARGE, detail)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def _fitted(pixels: Pixels) -> tuple[Pixels, float]:
    """The picture at the size at which frames are looked at, and its own pixels per pixel of that."""
    height, width = pixels.shape[:2]
    scale = max(1.0, max(height, width) / DECODED_SIDE_PX)
    if scale == 1.0:
        return pixels, 1.0
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8), scale
