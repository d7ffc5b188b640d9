"""Looks whether a Matroska file's index (its cues) is in place, before anyone seeks in the file.

Where it is absent, ffmpeg's demuxer answers a seek by reading the file from end to end.
"""

import os

_SEGMENT = b"\x18\x53\x80\x67"
_CUES = b"\x1c\x53\xbb\x6b"
_SEEK_TO_CUES = b"\x53\xab\x84" + _CUES + b"\x53\xac"
_CLUSTER = b"\x1f\x43\xb6\x75"


def has_cues(descriptor: int, head: bytes) -> bool:
    """Whether the cues lie before the first cluster, or where the head says (True for what is not Matroska).

    Args:
        descriptor: of the file; its position is left alone.
        head: the first bytes of the file.
    """
    if not head.startswith(b"\x1aE\xdf\xa3"):
        return True
    entry = head.find(_SEEK_TO_CUES)
    if entry < 0:
        before_pictures = head.split(_CLUSTER)[0]
        return _CUES in before_pictures
    at = entry + len(_SEEK_TO_CUES)
    size = head[at] & 0x7F if at < len(head) else 0
    start = _segment_start(head)
    if start is None or not 1 <= size <= 8:
        return False
    position = start + int.from_bytes(head[at + 1 : at + 1 + size], "big")
    try:
        return os.pread(descriptor, len(_CUES), position) == _CUES
    except (OSError, OverflowError):
        return False


def _segment_start(head: bytes) -> int | None:
    """Where the segment's content starts: the positions in its index count from there."""
    at = head.find(_SEGMENT)
    if at < 0 or at + 4 >= len(head) or head[at + 4] == 0:
        return None
    # The length of an EBML size is told by the leading zeros of its first byte.
    length = 9 - head[at + 4].bit_length()
    return at + 4 + length
