"""Puts faces through real H.264: each as a short moving clip, encoded by libx264 and decoded again.

A still that is encoded alone is an I frame and lacks what most frames of a video have: prediction from its neighbours.
So a face drifts for a few frames before it comes to rest, and the frame at rest, a P frame, is what is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from training.errors import TrainingError
from worker.pipeline.results import Pixels

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"]
Crops = NDArray[np.uint8]
Rng = np.random.Generator

CRF_RANGE = (18, 40)
SIDES_PX = (60, 200)
"""Sides that faces have in videos of the web, before a crop enlarges them."""
_MACROBLOCK_PX = 16
_RATE = Fraction(25)
# With its macroblock tree x264 gave other bytes for one clip in ten when it was encoded twice (measured), without none.
_X264 = "mbtree=0:scenecut=0:rc-lookahead=4:log-level=none"
# As the worker has ffmpeg convert; without these flags every pixel comes out a grey level darker.
_CONVERSION = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


@dataclass(frozen=True)
class H264Setting:
    """How a face is encoded.

    Args:
        crf: constant rate factor, 0 (hardly any loss) to 51.
        preset: x264's effort.
        frames: of the clip; 1 gives an I frame.
        drift_px: how far the face moves from one frame to the next, across and down.
        side_px: the face is shrunk to this side before and enlarged afterwards; None keeps its size.
        grid_px: how far the codec's blocks lie off the crop's corner, across and down.
    """

    crf: int
    preset: Preset = "veryfast"
    frames: int = 3
    drift_px: tuple[float, float] = (0.7, 0.4)
    side_px: int | None = None
    grid_px: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if not 0 <= self.crf <= 51:
            raise TrainingError(f"crf must be from 0 to 51, got {self.crf}")
        if not 1 <= self.frames <= 32:
            raise TrainingError(f"frames of a clip must be from 1 to 32, got {self.frames}")
        if self.side_px is not None and not 16 <= self.side_px <= 4096:
            raise TrainingError(f"side_px must be from 16 to 4096, got {self.side_px}")
        if not all(0 <= shift < _MACROBLOCK_PX for shift in self.grid_px):
            raise TrainingError(f"grid_px must be from 0 to {_MACROBLOCK_PX - 1}, got {self.grid_px}")


def recompress_h264(
    crops: Crops, *, crf: int, preset: Preset = "veryfast", frames: int = 3, side_px: int | None = None
) -> Crops:
    """Every crop as it looks in an H.264 video, each a clip of its own.

    Args:
        crops: (n, height, width, 3), RGB, uint8.
        crf: constant rate factor, 0 to 51.
        preset: x264's effort.
        frames: of each clip.
        side_px: longer side of the face in the video; None encodes the crop at its own size.

    Returns:
        the same shape; the same for the same pixels and setting.

    Raises:
        TrainingError: the shape or a setting is not possible, or this PyAV has no libx264.
    """
    if crops.ndim != 4 or crops.shape[3] != 3 or crops.dtype != np.uint8:
        raise TrainingError(f"crops must be (n, height, width, 3) uint8, got {crops.shape} {crops.dtype}")
    setting = H264Setting(crf, preset=preset, frames=frames, side_px=side_px)
    return np.stack([encode_face(crop, setting) for crop in crops]) if len(crops) else crops.copy()


def draw_setting(rng: Rng) -> H264Setting:
    """A random encoding: CRF 18 to 40, sizes of web video every other time, mostly P frames."""
    low, high = SIDES_PX
    side_px = round(float(np.exp(rng.uniform(np.log(low), np.log(high))))) if rng.random() < 0.5 else None
    presets: tuple[Preset, ...] = ("ultrafast", "veryfast", "veryfast", "veryfast", "fast")
    return H264Setting(
        crf=int(rng.integers(CRF_RANGE[0], CRF_RANGE[1] + 1)),
        preset=presets[int(rng.integers(len(presets)))],
        frames=int(rng.choice((1, 2, 3, 3, 4))),
        drift_px=(float(rng.uniform(-1.5, 1.5)), float(rng.uniform(-1.0, 1.0))),
        side_px=side_px,
        grid_px=(int(rng.integers(_MACROBLOCK_PX)), int(rng.integers(_MACROBLOCK_PX))),
    )


def encode_face(pixels: Pixels, setting: H264Setting) -> Pixels:
    """One face after its way through a clip: (height, width, 3), RGB, uint8, as given.

    Raises:
        TrainingError: this PyAV has no libx264.
    """
    height, width = pixels.shape[:2]
    small = pixels
    if setting.side_px is not None and setting.side_px < max(height, width):
        factor = setting.side_px / max(height, width)
        size = (max(16, round(width * factor)), max(16, round(height * factor)))
        small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    decoded = decode_clip(encode_clip(draw_clip(small, setting), crf=setting.crf, preset=setting.preset))[-1]
    across, down = setting.grid_px
    seen = decoded[down : down + small.shape[0], across : across + small.shape[1]]
    if small is pixels:
        return np.ascontiguousarray(seen)
    # As the worker enlarges a face that is smaller than the network's input.
    return np.asarray(cv2.resize(seen, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def draw_clip(pixels: Pixels, setting: H264Setting) -> list[Pixels]:
    """The frames of a clip in which the face drifts until it lies where it is given, at `grid_px` in the last one."""
    across, down = setting.grid_px
    height, width = pixels.shape[:2]
    # Whole macroblocks, which also have the even sides that halved colour wants.
    bottom, right = -(height + down) % _MACROBLOCK_PX, -(width + across) % _MACROBLOCK_PX
    rest = cv2.copyMakeBorder(pixels, down, bottom, across, right, cv2.BORDER_REPLICATE)
    frames: list[Pixels] = []
    for to_come in range(setting.frames - 1, 0, -1):
        matrix = np.array([[1, 0, setting.drift_px[0] * to_come], [0, 1, setting.drift_px[1] * to_come]], np.float64)
        size = (rest.shape[1], rest.shape[0])
        moved = cv2.warpAffine(rest, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        frames.append(np.asarray(moved, np.uint8))
    return [*frames, np.asarray(rest, np.uint8)]


def encode_clip(frames: Sequence[Pixels], *, crf: int, preset: Preset) -> list[bytes]:
    """The packets of an H.264 stream, yuv420p, of frames of one even size.

    Raises:
        TrainingError: this PyAV has no libx264.
    """
    try:
        # Our own pixels go in, so no process need stand between: starting two of them costs more than the encoding.
        encoder = av.CodecContext.create("libx264", "w")
    except ValueError as error:
        raise TrainingError("this PyAV has no libx264: install the wheel of av from PyPI") from error
    encoder.height, encoder.width = frames[0].shape[:2]
    encoder.pix_fmt = "yuv420p"
    encoder.thread_count = 1
    encoder.framerate, encoder.time_base = _RATE, 1 / _RATE
    encoder.options = {"crf": str(crf), "preset": preset, "x264-params": _X264}
    converter = VideoReformatter()
    packets: list[bytes] = []
    for number, pixels in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        picture = converter.reformat(picture, format="yuv420p", interpolation=_CONVERSION, threads=1)
        picture.pts, picture.time_base = number, 1 / _RATE
        packets += map(bytes, encoder.encode(picture))
    return [*packets, *map(bytes, encoder.encode(None))]


def decode_clip(packets: Sequence[bytes]) -> list[Pixels]:
    """The frames of an H.264 stream in their order of showing: (height, width, 3), RGB, uint8."""
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    converter = VideoReformatter()
    shown = [picture for packet in packets for picture in decoder.decode(av.Packet(packet))]
    shown += decoder.decode(None)
    return [
        np.asarray(
            converter.reformat(picture, format="rgb24", interpolation=_CONVERSION, threads=1).to_ndarray(), np.uint8
        )
        for picture in shown
    ]
