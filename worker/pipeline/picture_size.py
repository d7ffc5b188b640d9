"""Reads a picture's size from its header, so that none is decoded that would fill the memory."""

import struct

PICTURE_KINDS = ("JPEG", "PNG", "WebP", "BMP")

_JPEG_SIZED = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})


def picture_size(content: bytes, kind: str) -> tuple[int, int] | None:
    """Width and height as stored, None where the header is damaged or the kind is none of PICTURE_KINDS."""
    readers = {"JPEG": _jpeg, "PNG": _png, "WebP": _webp, "BMP": _bmp}
    try:
        return readers[kind](content)
    except (struct.error, IndexError, KeyError):
        return None


def _png(content: bytes) -> tuple[int, int] | None:
    width, height = struct.unpack_from(">II", content, 16)
    return (width, height) if content[12:16] == b"IHDR" else None


def _bmp(content: bytes) -> tuple[int, int] | None:
    width, height = struct.unpack_from("<ii", content, 18)
    # A negative height says that the rows lie top down.
    return width, abs(height)


def _jpeg(content: bytes) -> tuple[int, int] | None:
    place = 2
    while True:
        if content[place] != 0xFF:
            return None
        marker = content[place + 1]
        if marker in _JPEG_SIZED:
            height, width = struct.unpack_from(">HH", content, place + 5)
            return width, height
        if marker == 0xFF:
            place += 1
        elif marker in _JPEG_ALONE:
            place += 2
        else:
            (length,) = struct.unpack_from(">H", content, place + 2)
            place += 2 + length


def _webp(content: bytes) -> tuple[int, int] | None:
    form = content[12:16]
    if form == b"VP8X":
        width, height = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (24, 27))
        return (width, height) if len(content) >= 30 else None
    if form == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None
