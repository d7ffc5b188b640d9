"""Makes given pictures ready for an image API: upright PNG without metadata, square for variations."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from training.collect.wishes import Operation
from training.dataset import kind_of
from training.errors import TrainingError
from worker.pipeline.errors import UnreadableVideoError

if TYPE_CHECKING:
    from worker.pipeline.results import Pixels

# What the API for variations takes: a square PNG below 4 MB, which 1024 x 1024 pixels without transparency stay under.
LONGEST_SIDE_PX = 1024


def read_bases(paths: Iterable[Path], operation: Operation) -> dict[str, bytes]:
    """The pictures as PNG, by the SHA-256 of the files' content.

    Args:
        paths: files, and directories of which every picture is taken.

    Raises:
        TrainingError: a file is no picture, or there is none.
    """
    bases: dict[str, bytes] = {}
    for path in _files_of(paths):
        content = path.read_bytes()
        bases[hashlib.sha256(content).hexdigest()] = _as_png(path, content, is_square=operation == "variations")
    if not bases:
        raise TrainingError("there is no picture to start from: name picture files, or directories with some")
    return bases


def _files_of(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if found.is_file() and kind_of(found) == "image")
        else:
            yield path


def _as_png(path: Path, content: bytes, *, is_square: bool) -> bytes:
    import cv2  # noqa: PLC0415 - only where pictures are given

    from worker.pipeline.pictures import decode_picture  # noqa: PLC0415 - the same

    try:
        pixels = decode_picture(content)
    except UnreadableVideoError as error:
        raise TrainingError(f"{path} cannot be started from: {error.detail}: leave it out") from error
    pixels = _square(pixels) if is_square else pixels
    height, width = pixels.shape[:2]
    factor = min(1.0, LONGEST_SIDE_PX / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if factor < 1 else pixels
    return bytes(cv2.imencode(".png", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1])


def _square(pixels: "Pixels") -> "Pixels":
    """The middle of a picture."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]
