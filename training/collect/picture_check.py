"""Lets only whole pictures in, and on request only those with a face."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from worker.pipeline.errors import UnreadableVideoError
from worker.pipeline.sniffing import picture_kind

if TYPE_CHECKING:
    from worker.pipeline.results import DetectedFace, Pixels

_EXTENSIONS = {"JPEG": ".jpg", "PNG": ".png", "WebP": ".webp", "BMP": ".bmp"}
# A file may carry a few bytes more behind its end.
_TAIL_BYTES = 1024


class RejectedPictureError(Exception):
    """What came is no picture that is wanted; the message is one clause."""


class FindsFaces(Protocol):
    """A detector, as the worker has it."""

    def detect(self, pixels: "Pixels", *, min_side_px: int) -> "list[DetectedFace]":
        """The faces in a frame whose longer side is at least `min_side_px`."""


@dataclass(frozen=True)
class FaceRule:
    """Which pictures are kept for their faces.

    Args:
        detector: the worker's own.
        min_side_px: smaller faces do not count.
        is_one: exactly one face is wanted, not at least one.
    """

    detector: FindsFaces
    min_side_px: int = 64
    is_one: bool = False

    def count(self, pixels: "Pixels") -> int:
        """How many faces count.

        Raises:
            RejectedPictureError: not as many as are wanted.
        """
        from worker.pipeline.faces import detect_in_picture  # noqa: PLC0415 - loads the engine

        count = len(detect_in_picture(self.detector, pixels, min_side_px=self.min_side_px))  # type: ignore[arg-type]
        if count == 0:
            raise RejectedPictureError(f"no face of {self.min_side_px} px or more")
        if self.is_one and count > 1:
            raise RejectedPictureError(f"{count} faces, not one")
        return count


@dataclass(frozen=True)
class CheckedPicture:
    """A picture that can be decoded.

    Args:
        sha256: of its content.
        extension: that its content deserves, whatever it was called.
        thumbprint: difference hash, 64 hexadecimal digits.
        faces: how many were found, None where nobody looked.
    """

    sha256: str
    extension: str
    width_px: int
    height_px: int
    thumbprint: str
    faces: int | None


def check_picture(content: bytes, *, min_side_px: int = 1, faces: FaceRule | None = None) -> CheckedPicture:
    """What is in a file's content.

    Args:
        content: the whole file.
        min_side_px: the shorter side of the picture must have as many pixels.
        faces: None where faces do not matter.

    Raises:
        RejectedPictureError: it is no whole picture, too small, or shows the wrong number of faces.
    """
    from training.duplicates import difference_hash  # noqa: PLC0415 - loads OpenCV
    from worker.pipeline.pictures import decode_picture  # noqa: PLC0415 - the same

    kind = picture_kind(content[:64])
    try:
        pixels = decode_picture(content)
    except UnreadableVideoError as error:
        raise RejectedPictureError(error.detail) from error
    # A decoder paints the missing part of a picture grey, and a classifier would learn the grey.
    if kind is None or not _is_whole(content, kind):
        raise RejectedPictureError(f"the {kind} content is cut off")
    height_px, width_px = pixels.shape[:2]
    if min(width_px, height_px) < min_side_px:
        raise RejectedPictureError(f"it is {width_px} x {height_px}; the shorter side must have {min_side_px} px")
    return CheckedPicture(
        sha256=hashlib.sha256(content).hexdigest(),
        extension=_EXTENSIONS[kind],
        width_px=width_px,
        height_px=height_px,
        thumbprint=difference_hash(pixels).tobytes().hex(),
        faces=None if faces is None else faces.count(pixels),
    )


def _is_whole(content: bytes, kind: str) -> bool:
    if kind == "JPEG":
        return b"\xff\xd9" in content[-_TAIL_BYTES:]
    if kind == "PNG":
        return b"IEND" in content[-_TAIL_BYTES:]
    # WebP and bitmaps say how long they are.
    said = int.from_bytes(content[4:8], "little") + 8 if kind == "WebP" else int.from_bytes(content[2:6], "little")
    return len(content) >= said
