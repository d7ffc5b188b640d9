"""Reads a container's index as PyAV lists it: the keyframes, the last picture, and whether its data are all there."""

import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MAX_INDEX_KEYFRAMES = 8192
"""Longer lists (all-intra codecs) are thinned: a keyframe left out only makes a seek look dearer."""
SKIMMED_TAIL = 256
"""Entries at the end of an index that are looked at one by one, as a file that was cut off lacks them."""


@dataclass(frozen=True)
class Index:
    """What an index says, in the stream's time base; the keyframes rise, and lie within the file."""

    keyframes: Sequence[int]
    last: int
    is_cut_off: bool


def skim(entries: Any, file_size: int) -> Index | None:
    """Goes from keyframe to keyframe; None where it does not rise, or where one of them or the end is not there.

    A look at each of the entries of a long video takes longer than all else that is done with its headers.

    Args:
        entries: PyAV's list of them; not empty.
        file_size: in bytes.
    """
    count = len(entries)
    tail = [entries[number] for number in range(max(0, count - SKIMMED_TAIL), count)]
    last = tail[-1].timestamp
    if any(_is_outside(entry, file_size) or entry.timestamp > last for entry in tail):
        return None
    shortest = 1
    stamps = _walk(entries, file_size, shortest)
    if stamps is not None and len(stamps) > MAX_INDEX_KEYFRAMES:
        shortest = -(-(last - entries[0].timestamp) // MAX_INDEX_KEYFRAMES)
        stamps = _walk(entries, file_size, shortest)
    return None if stamps is None else Index(stamps, last, is_cut_off=False)


def _walk(entries: Any, file_size: int, shortest: int) -> list[int] | None:
    """The keyframes that are at least `shortest` ticks apart, some more than wanted at most; None as above."""
    stamps: list[int] = []
    number = entries.search_timestamp(entries[0].timestamp, backward=False)
    while number >= 0 and len(stamps) <= 2 * MAX_INDEX_KEYFRAMES:
        entry = entries[number]
        if _is_outside(entry, file_size):
            return None
        if not entry.is_discard:
            stamps.append(entry.timestamp)
        following = entries.search_timestamp(entry.timestamp + shortest, backward=False)
        if 0 <= following <= number or (following >= 0 and entries[following].timestamp <= entry.timestamp):
            return None
        number = following
    return stamps


def read_every(entries: Any, file_size: int) -> Index:
    """The same from every entry, in whatever order and however many of them lie behind the end of the file."""
    stamps = array.array("q")
    last = entries[0].timestamp
    is_cut_off = False
    for entry in entries:
        if _is_outside(entry, file_size):
            is_cut_off = True
            continue
        last = max(last, entry.timestamp)
        if entry.is_keyframe and not entry.is_discard:
            stamps.append(entry.timestamp)
    return Index(stamps, last, is_cut_off)


def _is_outside(entry: Any, file_size: int) -> bool:
    return bool(entry.size and entry.pos + entry.size > file_size)
