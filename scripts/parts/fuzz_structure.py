"""Finds where a container keeps the sizes of its parts, and where these begin and end, as far as damage needs it."""

import itertools
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Span = tuple[int, int]
"""Where a part begins, and where the next one may."""

_BOXES_OF_BOXES = {b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"edts", b"moof", b"traf", b"mvex", b"udta"}
_EBML_MASTERS = {
    b"\x18\x53\x80\x67",  # Segment
    b"\x1f\x43\xb6\x75",  # Cluster
    b"\x16\x54\xae\x6b",  # Tracks
    b"\xae",  # TrackEntry
    b"\xe0",  # Video
    b"\x1c\x53\xbb\x6b",  # Cues
    b"\xbb",  # CuePoint
    b"\x11\x4d\x9b\x74",  # SeekHead
    b"\x15\x49\xa9\x66",  # Info
    b"\xa0",  # BlockGroup
}
_TS_PACKET = 188
_FLV_HEADER, _FLV_TAG = 9, 15


@dataclass(frozen=True)
class SizeField:
    """A number in a file that says how large something is."""

    start: int
    width: int
    is_little: bool = False


@dataclass(frozen=True)
class Anatomy:
    """The parts of a file, nested ones included, and the fields with their sizes."""

    parts: tuple[Span, ...]
    sizes: tuple[SizeField, ...]


def anatomy_of(container: str, content: bytes) -> Anatomy:
    """What is known of a healthy file, by the ending of its name."""
    found = list(_READERS[container](content))
    parts = tuple(span for span, _ in found if span[0] < span[1] <= len(content))
    return Anatomy(parts, tuple(field for _, field in found if field is not None))


def _boxes(content: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[Span, SizeField | None]]:
    end = len(content) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack(">I4s", content[start : start + 8])
        until = start + size if size >= 8 else end
        yield (start, min(until, end)), SizeField(start, 4)
        if kind in _BOXES_OF_BOXES:
            yield from _boxes(content, start + 8, min(until, end))
        start = until


def _ebml(content: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[Span, SizeField | None]]:
    end = len(content) if end is None else end
    while start + 2 <= end:
        id_width = 9 - content[start].bit_length()
        size_at = start + id_width
        if content[start] == 0 or size_at >= end or content[size_at] == 0:
            return
        width = 9 - content[size_at].bit_length()
        size = int.from_bytes(content[size_at : size_at + width], "big") & ((1 << 7 * width) - 1)
        is_endless = size == (1 << 7 * width) - 1
        until = end if is_endless else min(end, size_at + width + size)
        yield (start, until), SizeField(size_at, width)
        if content[start:size_at] in _EBML_MASTERS:
            yield from _ebml(content, size_at + width, until)
        start = until


def _riff(content: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[Span, SizeField | None]]:
    end = len(content) if end is None else end
    while start + 8 <= end:
        kind, size = struct.unpack("<4sI", content[start : start + 8])
        until = min(end, start + 8 + size + size % 2)
        yield (start, until), SizeField(start + 4, 4, is_little=True)
        if kind in (b"RIFF", b"LIST"):
            yield from _riff(content, start + 12, until)
        start = until


def _packets(content: bytes) -> Iterator[tuple[Span, SizeField | None]]:
    for start in range(0, len(content) - _TS_PACKET + 1, _TS_PACKET):
        # The length of the adaptation field stands behind the four bytes of the head.
        yield (start, start + _TS_PACKET), SizeField(start + 4, 1)


def _flv_tags(content: bytes) -> Iterator[tuple[Span, SizeField | None]]:
    start = _FLV_HEADER + 4
    while start + _FLV_TAG <= len(content):
        until = start + _FLV_TAG + int.from_bytes(content[start + 1 : start + 4], "big")
        yield (start, until), SizeField(start + 1, 3)
        start = until


def _pages(content: bytes) -> Iterator[tuple[Span, SizeField | None]]:
    # The count of a page's segments, then their lengths.
    return _between_marks(content, rb"OggS", lambda at: SizeField(at + 26, 1))


def _start_codes(content: bytes) -> Iterator[tuple[Span, SizeField | None]]:
    # Packs and packets of sound and pictures; their length is in the two bytes behind the code.
    return _between_marks(content, rb"\0\0\x01[\xba\xbb\xbd-\xef]", lambda at: SizeField(at + 4, 2))


def _objects(content: bytes) -> Iterator[tuple[Span, SizeField | None]]:
    """Of ASF: an identifier of 16 bytes, a size of eight; then packets without either."""
    start = 0
    while start + 24 <= len(content):
        size = int.from_bytes(content[start + 16 : start + 24], "little")
        until = min(len(content), start + max(24, size))
        yield (start, until), SizeField(start + 16, 8, is_little=True)
        # Of the first one, the header, what is in it.
        start = start + 30 if start == 0 else until


def _triplets(content: bytes) -> Iterator[tuple[Span, SizeField | None]]:
    # Of MXF: a key of 16 bytes, then a length, whose first byte says how long the length is.
    return _between_marks(content, rb"\x06\x0e\x2b\x34", lambda at: SizeField(at + 17, 3))


def _between_marks(
    content: bytes, mark: bytes, field_at: Callable[[int], SizeField]
) -> Iterator[tuple[Span, SizeField | None]]:
    starts = [found.start() for found in re.finditer(mark, content, re.DOTALL)]
    for start, until in itertools.pairwise([*starts, len(content)]):
        yield (start, until), field_at(start)


_READERS: dict[str, Callable[[bytes], Iterator[tuple[Span, SizeField | None]]]] = {
    "mp4": _boxes,
    "mov": _boxes,
    "mkv": _ebml,
    "webm": _ebml,
    "avi": _riff,
    "ts": _packets,
    "flv": _flv_tags,
    "mpg": _start_codes,
    "ogv": _pages,
    "wmv": _objects,
    "mxf": _triplets,
}
