"""Says how strongly a file was compressed and how large its faces are, in bands, by what the file itself shows."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.crops import FaceSet
from training.dataset import Item
from worker.pipeline.errors import PipelineError
from worker.pipeline.probe import probe_video
from worker.pipeline.results import VideoFacts

JPEG_BANDS = (50, 75, 90)
BITS_PER_PIXEL_BANDS = (0.02, 0.05, 0.1, 0.2)
"""Of H.264 at common sizes these are about CRF 35, 28, 23 and 18; other codecs need fewer or more for the same look."""
FACE_BANDS_PX = (64, 96, 160, 320)
UNKNOWN = "unknown"

_LOSSLESS = {".png", ".bmp", ".tif", ".tiff"}
_SCAN_START, _TABLES = 0xDA, 0xDB
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
# Table K.1 of ITU-T T.81, luminance, row by row: what libjpeg scales by its "quality".
_LUMINANCE = np.array(
    [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29,
     51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120,
     101, 72, 92, 95, 98, 112, 100, 103, 99]
)  # fmt: skip


def quality_band(item: Item) -> str:
    """The band of a file's compression, such as "JPEG 75-89" or "h264, 0.05-0.1 bit/px"; UNKNOWN where it says nothing.

    A picture that was saved twice shows the last saving alone, and what a site did to a video before the last encoder
    shows in nothing but the picture.
    """
    if item.kind == "video":
        return _video_band(item.path)
    try:
        content = item.path.read_bytes()
    except OSError:
        return UNKNOWN
    quality = jpeg_quality(content)
    if quality is not None:
        return f"JPEG {_band(quality, JPEG_BANDS, top=100, whole=True)}"
    if content[8:12] == b"WEBP":
        return "WebP"
    return "lossless" if item.path.suffix.lower() in _LOSSLESS else UNKNOWN


def bands_of(pairs: Iterable[tuple[Item, FaceSet]]) -> dict[str, list[str]]:
    """The bands of each file by property: "quality" (of the compression) and "face_size"."""
    found = [(quality_band(item), face_band(faces.boxes[faces.largest])) for item, faces in pairs]
    return {"quality": [quality for quality, _ in found], "face_size": [size for _, size in found]}


def jpeg_quality(content: bytes) -> int | None:
    """The libjpeg quality, 1..100, whose luminance table is nearest to the file's; None of what is no JPEG."""
    table = _luminance_table(content)
    if table is None:
        return None
    # The tables are compared sorted: the file holds them in zigzag order, and their sum of gaps does not mind.
    gaps = [int(np.abs(np.sort(_scaled(quality)) - table).sum()) for quality in range(1, 101)]
    return int(np.argmin(gaps)) + 1


def bits_per_pixel(facts: VideoFacts) -> float | None:
    """Bits that the file spends on one pixel of one picture, sound included; None without a duration or a rate."""
    duration_s = facts.duration_s or facts.claimed_duration_s
    if not duration_s or not facts.frame_rate:
        return None
    return facts.file_size_bytes * 8 / (duration_s * facts.frame_rate * facts.width_px * facts.height_px)


def face_band(boxes: NDArray[np.float64]) -> str:
    """The band of the median face's longer side.

    Args:
        boxes: (n, 4): x, y, width, height in the decoded picture's pixels, at least one.
    """
    side_px = float(np.median(boxes[:, 2:].max(axis=1)))
    return f"{_band(side_px, FACE_BANDS_PX, whole=True)} px"


def band_key(name: str) -> tuple[str, float]:
    """Sorts bands of one kind by their numbers, "under" first."""
    match = re.search(r"(?:^|(?<= ))(under )?(\d+(?:\.\d+)?)", name)
    if match is None:
        return name, 0.0
    start = float(match.group(2))
    return name[: match.start()], start / 2 if match.group(1) else start


def _video_band(path: Path) -> str:
    try:
        facts = probe_video(path)
    except PipelineError:
        return UNKNOWN
    bits = bits_per_pixel(facts)
    return facts.codec if bits is None else f"{facts.codec}, {_band(bits, BITS_PER_PIXEL_BANDS)} bit/px"


def _band(value: float, edges: tuple[float, ...], *, top: float | None = None, whole: bool = False) -> str:
    """The band in words; whole numbers end one below the next band's start."""
    place = int(np.searchsorted(edges, value, side="right"))
    if place == 0:
        return f"under {edges[0]:g}"
    if place < len(edges):
        return f"{edges[place - 1]:g}-{edges[place] - (1 if whole else 0):g}"
    return f"{edges[-1]:g} and more" if top is None else f"{edges[-1]:g}-{top:g}"


def _scaled(quality: int) -> NDArray[np.int64]:
    """The luminance table of a libjpeg quality (jcparam.c, jpeg_quality_scaling), for baseline files."""
    factor = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.asarray(np.clip((_LUMINANCE * factor + 50) // 100, 1, 255), np.int64)


def _luminance_table(content: bytes) -> NDArray[np.int64] | None:
    """The sorted 64 numbers of table 0 of a JPEG's header."""
    if content[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF or marker in _WITHOUT_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        if marker == _SCAN_START or length < 2:
            return None
        if marker == _TABLES and (table := _table_zero(content[at + 4 : at + 2 + length])) is not None:
            return table
        at += 2 + length
    return None


def _table_zero(segment: bytes) -> NDArray[np.int64] | None:
    at = 0
    while at < len(segment):
        width = 2 if segment[at] >> 4 else 1
        numbers = segment[at + 1 : at + 1 + 64 * width]
        if len(numbers) < 64 * width:
            return None
        if segment[at] & 0x0F == 0:
            return np.sort(np.frombuffer(numbers, ">u2" if width == 2 else "u1").astype(np.int64))
        at += 1 + 64 * width
    return None
