"""Finds what a submission is about: the paths that were named, and the videos in the directories among them.

Nothing is opened here but directories; nothing is kept but the named paths and the directories walked.
"""
# Paths are bytes here, which pathlib does not take.
# ruff: noqa: PTH109, PTH112, PTH116, PTH118, PTH122

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field

from worker.pipeline.errors import Reason

VIDEO_EXTENSIONS = frozenset(
    b"264 265 3g2 3gp amv asf av1 avi divx dv dvr-ms f4v flv h264 h265 hevc insv ivf lrv m1v m2t m2ts m2v m4v"
    b" mjpeg mjpg mk3d mkv mod mov mp4 mpe mpeg mpg mpv mts mxf nsv nut obu ogm ogv qt rm rmvb tod tp trp ts"
    b" vob webm wmv wtv xvid y4m".split()
)
"""Extensions of files that a directory is searched for, in lower case, without the dot."""

# What macOS leaves beside each file on foreign disks: it has the file's name, and no video in it.
_RESOURCE_FORK = b"._"

_KINDS = ((stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISDIR, "a directory"))


@dataclass(frozen=True)
class Found:
    """A path that becomes an entry.

    Args:
        path: absolute, in the file system's own bytes.
        reason: why it has no content, None where it is a regular file to be read.
        detail: the same for people.
    """

    path: bytes
    reason: Reason | None = None
    detail: str = ""


@dataclass
class Discovery:
    """An iteration over what was found, each path once, in a fixed order; counts what it passes over.

    Args:
        named: the paths as given; a directory stands for the videos in it.
        ignored: what directories hold beside videos, so far.
        empty_directories: named directories in which there was nothing to scan, so far.
        leaves_out: names, of files and folders within directories, that are not looked at for now.
    """

    named: Sequence[bytes | str]
    ignored: int = 0
    empty_directories: list[bytes] = field(default_factory=list)
    leaves_out: Callable[[bytes], bool] = lambda _name: False

    def __iter__(self) -> Iterator[Found]:
        paths = dict.fromkeys(absolute_path(os.fsencode(path)) for path in self.named)
        for path in paths:
            yield from self._look_at_named(path, paths.keys())

    def _look_at_named(self, path: bytes, named: Set[bytes]) -> Iterator[Found]:
        if not os.path.isdir(path):
            yield _judge_by_kind(path)
            return
        is_empty = True
        for found in self._walk(path, named):
            is_empty = False
            # What is named itself has its own turn.
            if found.path == path or found.path not in named:
                yield found
        if is_empty:
            self.empty_directories.append(path)

    def _walk(self, root: bytes, named: Set[bytes]) -> Iterator[Found]:
        """The videos under `root`; each physical directory is walked once, however many links lead to it."""
        walked: set[tuple[int, int]] = set()
        # Depth first with a list of our own: deep trees must not meet the interpreter's recursion limit.
        pending = [(root, frozenset[tuple[int, int]]())]
        while pending:
            path, above = pending.pop()
            try:
                identity = _identity(path)
                if identity in above:
                    yield Found(path, Reason.SYMLINK_LOOP, "the link leads back to a directory above it")
                    continue
                if identity in walked:
                    self.ignored += 1
                    continue
                children = _list_directory(path)
            except OSError as error:
                yield _not_found(path, error)
                continue
            walked.add(identity)
            folders: list[bytes] = []
            yield from self._sort_children(children, named, folders)
            pending += [(folder, above | {identity}) for folder in reversed(folders)]

    def _sort_children(
        self, children: "list[os.DirEntry[bytes]]", named: Set[bytes], folders: list[bytes]
    ) -> Iterator[Found]:
        """Yields the videos of one directory, counts the rest, and puts what to walk next into `folders`."""
        for child in children:
            if self.leaves_out(child.name):
                self.ignored += 1
                continue
            try:
                is_directory = child.is_dir()
            except OSError as error:
                # A link in a circle: nobody knows what it was meant for.
                yield _not_found(child.path, error)
                continue
            if is_directory and child.path not in named:
                folders.append(child.path)
            elif is_directory or _is_named_like_video(child.name):
                yield _judge_by_kind(child.path)
            else:
                self.ignored += 1


def discover(paths: Sequence[bytes | str]) -> Discovery:
    """What the named paths stand for: iterate over it once, then read its counts."""
    return Discovery(paths)


def absolute_path(path: bytes) -> bytes:
    """The path from the root, without `.` and `..`, its last part as given even where that is a link."""
    if not path:
        # An empty argument is a mistake, not the current directory.
        return path
    joined = os.path.join(os.getcwdb(), path)
    if b".." not in joined.split(b"/"):
        return os.path.normpath(joined)
    # `link/..` is where the link leads to, so only the file system can tell.
    parent, name = os.path.split(joined.rstrip(b"/"))
    return os.path.realpath(joined) if name in (b".", b"..") else os.path.join(os.path.realpath(parent), name)


def explain_os_error(error: OSError | ValueError) -> tuple[Reason, str]:
    """The reason code and the sentence for a path that the file system did not give us."""
    number = getattr(error, "errno", None)
    if number == errno.ELOOP:
        return Reason.SYMLINK_LOOP, "the link leads to itself"
    # A path with a NUL in it is a ValueError.
    if number in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG) or isinstance(error, ValueError):
        return Reason.MISSING, "there is no such file"
    if number in (errno.EACCES, errno.EPERM):
        return (
            Reason.PERMISSION_DENIED,
            "permission denied: make it readable for the user that runs fakesweep",
        )
    return Reason.READ_ERROR, f"the file system refused: {getattr(error, 'strerror', None) or error}"


def _list_directory(path: bytes) -> "list[os.DirEntry[bytes]]":
    with os.scandir(path) as listing:
        return sorted(listing, key=lambda child: child.name)


def _is_named_like_video(name: bytes) -> bool:
    extension = os.path.splitext(name)[1]
    return extension[1:].lower() in VIDEO_EXTENSIONS and not name.startswith(_RESOURCE_FORK)


def _identity(path: bytes) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _judge_by_kind(path: bytes) -> Found:
    """A regular file to be read, or why it is none; a pipe or a device is never opened."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        return _not_found(path, error)
    if stat.S_ISREG(mode):
        return Found(path)
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "a device")
    return Found(path, Reason.SPECIAL_FILE, f"{kind}, not a regular file: it was not opened")


def _not_found(path: bytes, error: OSError | ValueError) -> Found:
    reason, detail = explain_os_error(error)
    return Found(path, reason, detail)
