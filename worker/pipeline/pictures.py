"""One still picture in, one verdict out."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from worker.pipeline.classifier import Classifier
from worker.pipeline.errors import Reason, UnreadableVideoError
from worker.pipeline.faces import FaceDetector, detect_in_picture
from worker.pipeline.opening import VideoPath, file_error, opened_video
from worker.pipeline.picture_size import PICTURE_KINDS, picture_size
from worker.pipeline.preprocessing import crop_face
from worker.pipeline.results import DetectedFace, FaceResult, Pixels
from worker.pipeline.seen_faces import timed
from worker.pipeline.sniffing import picture_kind

MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_PIXELS = 134_217_728
"""As many as a frame of a video may have; decoded they are 400 MB."""


@dataclass(frozen=True)
class PictureResult:
    """What was found in one picture.

    Args:
        path: as it was given.
        state: as of a scan.
        reason: why it is unreadable.
        detail: one sentence with the value that was wrong, for people.
        score: calibrated probability of "AI-generated or manipulated", 0..1, of the highest face; None without one.
        faces: in pixels of the displayed picture; each is its own track.
        width_px: as displayed, 0 where unreadable.
        height_px: as displayed, 0 where unreadable.
        seconds: wall seconds per stage, and "total".
    """

    path: VideoPath
    state: Literal["judged", "no_face", "unreadable"]
    reason: Reason | None = None
    detail: str | None = None
    score: float | None = None
    faces: tuple[FaceResult, ...] = ()
    width_px: int = 0
    height_px: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)


def classify_picture(path: VideoPath, detector: FaceDetector, classifier: Classifier) -> PictureResult:
    """Judge the faces in a picture file; one that cannot be read is a result too.

    Raises:
        TransientError: the machine could not read it.
    """
    started = time.perf_counter()
    seconds = dict.fromkeys(("decode", "detect", "classify"), 0.0)
    try:
        with timed(seconds, "decode"):
            pixels = read_picture(path)
    except UnreadableVideoError as error:
        seconds["total"] = time.perf_counter() - started
        return PictureResult(path, "unreadable", error.reason, error.detail, seconds=seconds)
    with timed(seconds, "detect"):
        found = detect_in_picture(detector, pixels)
    with timed(seconds, "classify"):
        faces = _judge(pixels, found, classifier)
    seconds["total"] = time.perf_counter() - started
    return PictureResult(
        path,
        "judged" if faces else "no_face",
        score=max((face.score for face in faces), default=None),
        faces=faces,
        width_px=pixels.shape[1],
        height_px=pixels.shape[0],
        seconds=seconds,
    )


def read_picture(path: VideoPath) -> Pixels:
    """The picture as displayed: (height, width, 3), RGB, uint8.

    Raises:
        UnreadableVideoError: it is no picture of a known kind, damaged, or too large.
        TransientError: the machine could not read it.
    """
    return decode_picture(_read(path))


def decode_picture(content: bytes) -> Pixels:
    """The picture in a file's content, as `read_picture` gives it.

    Raises:
        UnreadableVideoError: it is no picture of a known kind, damaged, or too large.
    """
    kind = picture_kind(content[:64])
    if kind not in PICTURE_KINDS:
        what = "in no known picture format" if kind is None else f"a {kind} picture"
        known = ", ".join(PICTURE_KINDS)
        raise UnreadableVideoError(Reason.UNSUPPORTED_CODEC, f"it is {what}; pictures may be {known}")
    size = picture_size(content, kind)
    if size is None or min(size) < 1:
        raise UnreadableVideoError(Reason.NO_FRAMES, f"its {kind} header is damaged")
    if size[0] * size[1] > MAX_PIXELS:
        detail = f"it is {size[0]} x {size[1]}; the limit is {MAX_PIXELS} pixels"
        raise UnreadableVideoError(Reason.TOO_LARGE, detail)
    return _decode(content, kind)


def _read(path: VideoPath) -> bytes:
    with opened_video(path) as descriptor:
        try:
            size = os.fstat(descriptor).st_size
            if size == 0:
                raise UnreadableVideoError(Reason.EMPTY, "it has 0 bytes")
            if size > MAX_FILE_BYTES:
                raise UnreadableVideoError(Reason.TOO_LARGE, f"it has {size} bytes; the limit is {MAX_FILE_BYTES}")
            with os.fdopen(os.dup(descriptor), "rb") as file:
                return file.read(MAX_FILE_BYTES)
        except OSError as error:
            raise file_error(error, if_absent=Reason.VANISHED) from error


def _decode(content: bytes, kind: str) -> Pixels:
    import cv2  # noqa: PLC0415 - importing the pipeline stays cheap

    try:
        # Turned as its EXIF says, without transparency, eight bits a channel: what training reads too.
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise UnreadableVideoError(Reason.NO_FRAMES, f"its {kind} content is damaged ({error.err})") from error
    if decoded is None:
        raise UnreadableVideoError(Reason.NO_FRAMES, f"its {kind} content is damaged")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def _judge(pixels: Pixels, found: list[DetectedFace], classifier: Classifier) -> tuple[FaceResult, ...]:
    if not found:
        return ()
    manifest = classifier.manifest
    size_px, margin = manifest.input_size_px, manifest.crop_margin
    crops = np.stack([crop_face(pixels, face.box, size_px=size_px, margin=margin) for face in found])
    logits = classifier.judge(crops).logits.tolist()
    calibration = manifest.calibration["image"]
    return tuple(
        FaceResult(box=face.box, detection=face.detection, logit=logit, score=calibration.apply(logit), track=number)
        for number, (face, logit) in enumerate(zip(found, logits, strict=True))
    )
