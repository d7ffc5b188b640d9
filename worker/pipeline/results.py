"""The values that travel between the stages of the pipeline; each checks itself when built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""One picture: (height, width, 3), RGB, uint8, 0..255."""

Aggregation = Literal["mean", "top-k", "confident", "max-track"]
AGGREGATIONS: tuple[Aggregation, ...] = ("mean", "top-k", "confident", "max-track")

STAGES = ("probe", "decode", "detect", "classify")
"""The stages whose seconds are kept, in the order in which a video passes them."""


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; `x`, `y` is the upper left corner and may lie outside the picture."""

    x: float
    y: float
    w: float
    h: float

    def __post_init__(self) -> None:
        if not (self.w > 0 and self.h > 0):
            raise ValueError(f"a box must have positive sides, got {self.w} x {self.h}")

    def scaled(self, factor: float) -> "Box":
        """The same rectangle in a picture enlarged by `factor`."""
        return Box(self.x * factor, self.y * factor, self.w * factor, self.h * factor)


@dataclass(frozen=True)
class VideoFacts:
    """What the headers and the index of a video say, before any picture is decoded.

    Args:
        container: the demuxer's name, such as "mov,mp4,m4a,3gp,3g2,mj2".
        codec: the video stream's codec, such as "h264".
        width_px: width as displayed, after rotation and pixel aspect are applied.
        height_px: height as displayed.
        rotation_deg: clockwise turn that the display applies: 0, 90, 180 or 270.
        duration_s: seconds from the first to the end of the last picture, where known; never taken on trust.
        frame_rate: mean pictures per second, where known.
        start_s: presentation time of the first picture.
        stream_index: the chosen video stream, as ffmpeg counts (`0:INDEX`).
        keyframes_s: presentation times of the keyframes, rising; empty where the container has no index.
        file_size_bytes: size of the file when probed.
        pixel_format: ffmpeg's name, such as "yuv420p10le", where known.
        color_space: matrix coefficients by ITU-T H.273 (1 is BT.709, 2 is not said).
        color_transfer: transfer characteristics by ITU-T H.273 (16 is PQ, 18 is HLG, 2 is not said).
        claimed_duration_s: what the header says, for comparison with what is found.
        is_cut_off: the index names pictures that lie behind the end of the file.
    """

    container: str
    codec: str
    width_px: int
    height_px: int
    rotation_deg: int
    duration_s: float | None
    frame_rate: float | None
    start_s: float
    stream_index: int
    keyframes_s: tuple[float, ...]
    file_size_bytes: int
    pixel_format: str | None = None
    color_space: int = 2
    color_transfer: int = 2
    claimed_duration_s: float | None = None
    is_cut_off: bool = False

    def __post_init__(self) -> None:
        if self.width_px <= 0 or self.height_px <= 0:
            raise ValueError(f"a video must have positive sides, got {self.width_px} x {self.height_px}")
        if self.rotation_deg not in (0, 90, 180, 270):
            raise ValueError(f"rotation_deg must be 0, 90, 180 or 270, got {self.rotation_deg}")


@dataclass(frozen=True)
class Frame:
    """A decoded picture.

    Args:
        t_s: presentation time in seconds, counted from the video's first picture.
        pixels: (height, width, 3), RGB, uint8, upright.
        scale: displayed pixels per decoded pixel, 1 or more (a box times `scale` is in displayed pixels).
    """

    t_s: float
    pixels: Pixels
    scale: float


@dataclass(frozen=True)
class DetectedFace:
    """A face in a decoded frame: its box in the frame's own pixels, and the detector's confidence, 0..1."""

    box: Box
    detection: float


@dataclass(frozen=True)
class FaceResult:
    """A judged face.

    Args:
        box: in pixels of the displayed video.
        detection: the detector's confidence, 0..1.
        logit: the classifier's raw output; its sign is the uncalibrated decision.
        score: calibrated probability of "AI-generated or manipulated", 0..1.
        track: number of the person's track within the video, from 0.
    """

    box: Box
    detection: float
    logit: float
    score: float
    track: int


@dataclass(frozen=True)
class FrameResult:
    """A judged frame: its time, its faces, and its score (the highest face's), None where it has no face."""

    t_s: float
    score: float | None
    faces: tuple[FaceResult, ...]


@dataclass(frozen=True)
class TrackResult:
    """One person's faces over the video: how many, and the calibrated score of them alone."""

    id: int
    faces: int
    score: float


@dataclass(frozen=True)
class KeptFace:
    """A face that a report shows, in pictures that are ready to be written.

    Args:
        t_s: of its frame.
        box: in pixels of the displayed video.
        track: number of the person.
        score: calibrated, 0..1.
        width_px: of the displayed video.
        height_px: of the displayed video.
        heat_map: (height, width), logits; None where the network gives none.
        face_jpeg: the square that the classifier saw.
        frame_jpeg: the whole frame, made smaller; nothing is drawn into it.
        heat_png: the heat map in colours, with transparency, to be laid over the face; None as `heat_map`.
    """

    t_s: float
    box: Box
    track: int
    score: float
    width_px: int
    height_px: int
    heat_map: NDArray[np.float32] | None
    face_jpeg: bytes
    frame_jpeg: bytes
    heat_png: bytes | None

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 1:
            raise ValueError(f"a score must be in 0..1, got {self.score}")


@dataclass(frozen=True)
class ScanResult:
    """All that one pass over one video found.

    Args:
        facts: what the container says.
        frames: every sampled frame, in order of time.
        tracks: the persons, in order of `id`.
        scores: the calibrated score of the video under each aggregation; empty when no face was found.
        warnings: codes such as "truncated", in order of appearance, each once.
        seconds: wall seconds per stage, and "total".
        duration_s: the duration as found while decoding, where the container's own was absent or wrong.
        runtime: the engine that judged, such as "openvino".
        kept: the faces that a report shows, highest first.
    """

    facts: VideoFacts
    frames: tuple[FrameResult, ...]
    tracks: tuple[TrackResult, ...]
    scores: Mapping[Aggregation, float]
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    duration_s: float | None = None
    runtime: str = ""
    kept: tuple[KeptFace, ...] = ()

    @property
    def state(self) -> Literal["judged", "no_face"]:
        """`judged` where at least one face was found, `no_face` otherwise."""
        return "judged" if self.scores else "no_face"
