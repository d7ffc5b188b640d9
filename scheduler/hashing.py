"""Reads a file once, from end to end, to know its content."""

import hashlib
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass

from db.known_files import NEVER, FileStamp
from scheduler.discovery import explain_os_error
from worker.pipeline.errors import Reason

_CHUNK_BYTES = 1 << 20
_READINGS = 3
# A file changed twice within one tick of the file system keeps its mtime: a fresh one is read again later.
_FRESH_NS = 2_000_000_000


@dataclass(frozen=True)
class Content:
    """The hash of a file, and its size and mtime when it was read: now, or earlier where it was known."""

    stamp: FileStamp
    sha256: str
    mtime_ns: int
    is_known: bool = False


@dataclass(frozen=True)
class Unread:
    """Why a path gave no content."""

    path: bytes
    reason: Reason
    detail: str


def stamp_file(path: bytes) -> FileStamp | Unread:
    """Size and mtime of a regular file that is not empty."""
    try:
        status = os.stat(path)  # noqa: PTH116 (pathlib knows no bytes)
    except (OSError, ValueError) as error:
        return Unread(path, *explain_os_error(error))
    return _stamp(path, status)


def read_content(path: bytes, should_stop: Callable[[], bool] = lambda: False) -> Content | Unread:
    """The SHA-256 of a file, read again while it changes under our eyes, and given up on if it goes on."""
    for _ in range(_READINGS):
        try:
            content = _read_once(path, should_stop)
        except (OSError, ValueError) as error:
            return Unread(path, *explain_os_error(error))
        if content is not None:
            return content
    detail = f"it changed {_READINGS} times while it was read: submit it again when it is written"
    return Unread(path, Reason.READ_ERROR, detail)


def _read_once(path: bytes, should_stop: Callable[[], bool]) -> Content | Unread | None:
    """None when the file changed meanwhile, or when nobody waits for it any more."""
    # Not blocking: what was a file a moment ago may be a pipe now.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        before = os.fstat(descriptor)
        stamp = _stamp(path, before)
        if isinstance(stamp, Unread):
            return stamp
        started_ns = time.time_ns()
        sha256 = _hash_bytes(descriptor, before.st_size, should_stop)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if sha256 is None or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return None
    is_fresh = abs(started_ns - before.st_mtime_ns) < _FRESH_NS
    kept = FileStamp(path, before.st_size, NEVER if is_fresh else before.st_mtime_ns)
    return Content(kept, sha256, before.st_mtime_ns)


def _hash_bytes(descriptor: int, size_bytes: int, should_stop: Callable[[], bool]) -> str | None:
    """The SHA-256 of the first `size_bytes`, no more: what grows for ever must not be read for ever."""
    digest = hashlib.sha256()
    left = size_bytes
    while left > 0 and not should_stop():
        chunk = os.read(descriptor, min(_CHUNK_BYTES, left))
        if not chunk:
            break
        digest.update(chunk)
        left -= len(chunk)
    return None if left > 0 else digest.hexdigest()


def _stamp(path: bytes, status: os.stat_result) -> FileStamp | Unread:
    if not stat.S_ISREG(status.st_mode):
        return Unread(path, Reason.SPECIAL_FILE, "not a regular file: it was not read")
    if status.st_size == 0:
        return Unread(path, Reason.EMPTY, "the file has no bytes in it")
    return FileStamp(path, status.st_size, status.st_mtime_ns)
