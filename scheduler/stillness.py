"""Tells which files of a watched folder are written to the end: those that stood still for a while.

Pure bookkeeping: what was seen goes in, what may be taken comes out.
"""

from collections.abc import Iterable

from db.known_files import FileStamp

# What programs add to a name while they write: at its end, or before the extension (`film.temp.mp4`).
_ADDED_AT_END = frozenset(b"part partial crdownload download tmp temp filepart opdownload aria2 !ut !qb".split())
_ADDED_BEFORE_EXTENSION = frozenset(b"part partial crdownload tmp temp".split())
_UNFINISHED_STARTS = (b".", b"~")
_UNFINISHED_ENDS = (b"~",)


def is_unfinished(name: bytes) -> bool:
    """Whether a file or folder is hidden, or called as programs call what they have not written yet."""
    if name.startswith(_UNFINISHED_STARTS) or name.endswith(_UNFINISHED_ENDS):
        return True
    # Not the first part: `temp.mp4` may be called so for good.
    parts = name.lower().split(b".")[1:]
    return bool(parts) and (parts[-1] in _ADDED_AT_END or (len(parts) > 1 and parts[-2] in _ADDED_BEFORE_EXTENSION))


class Stillness:
    """What was seen of a folder so far, in 8 bytes and a little more for each file that is done with.

    Args:
        still_s: for how long size and mtime must have been the same.
    """

    def __init__(self, still_s: float) -> None:
        self._still_s = still_s
        self._waiting: dict[bytes, tuple[FileStamp, float]] = {}
        self._settled: set[int] = set()

    def look(self, stamps: Iterable[FileStamp], now_s: float) -> list[FileStamp]:
        """Takes a whole walk of the folder; returns what stood still for long enough and is not settled.

        Args:
            now_s: by any clock that never goes back.
        """
        waiting: dict[bytes, tuple[FileStamp, float]] = {}
        settled: set[int] = set()
        for stamp in stamps:
            if hash(stamp) in self._settled:
                settled.add(hash(stamp))
                continue
            before, since_s = self._waiting.get(stamp.path, (stamp, now_s))
            waiting[stamp.path] = (stamp, since_s if before == stamp else now_s)
        # What is gone is forgotten.
        self._waiting, self._settled = waiting, settled
        return [stamp for stamp, since_s in waiting.values() if now_s - since_s >= self._still_s]

    def settle(self, stamp: FileStamp) -> None:
        """Notes that this file, as it is, needs no further look."""
        self._waiting.pop(stamp.path, None)
        self._settled.add(hash(stamp))

    def wait_again(self, path: bytes, now_s: float) -> None:
        """Lets a file that could not be read stand still once more before it is tried again."""
        if path in self._waiting:
            self._waiting[path] = (self._waiting[path][0], now_s)
