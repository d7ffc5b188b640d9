"""Reads the files of a submission a little ahead of its writing, several at once, in order."""

import itertools
import os
import threading
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from db.known_files import FileStamp, read_known_contents
from db.session import Database
from scheduler.discovery import Found
from scheduler.hashing import Content, Unread, read_content, stamp_file

Reading = Future[Content | Unread]

# Hashing is bound by the disk; more readers than this only make it seek.
HASHING_THREADS = max(2, min(4, os.cpu_count() or 2))
# Files looked up in one query, and read at most ahead of the one that is written next.
_AHEAD = 200


def read_ahead(database: Database, found: Iterable[Found]) -> Generator[Reading, None, None]:
    """The contents of what was found, in its order, some of them still being read.

    A file whose path, size and mtime are known is not read again. Closing the iteration stops the readers.
    """
    is_over = threading.Event()
    remaining = iter(found)
    waiting: deque[Reading] = deque()
    with ThreadPoolExecutor(HASHING_THREADS, thread_name_prefix="hashing") as readers:
        try:
            while group := list(itertools.islice(remaining, _AHEAD)):
                waiting.extend(_begin(database, group, readers, is_over))
                while len(waiting) > _AHEAD:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            is_over.set()
            readers.shutdown(cancel_futures=True)


def _begin(
    database: Database, group: Sequence[Found], readers: ThreadPoolExecutor, is_over: threading.Event
) -> list[Reading]:
    stamps = [_stamp(found) for found in group]
    files = [stamp for stamp in stamps if isinstance(stamp, FileStamp)]
    with database.read() as session:
        known = read_known_contents(session, files)
    readings: list[Reading] = []
    for stamp in stamps:
        if isinstance(stamp, Unread):
            readings.append(_done(stamp))
        elif stamp.path in known:
            readings.append(_done(Content(stamp, known[stamp.path], stamp.mtime_ns, is_known=True)))
        else:
            readings.append(readers.submit(read_content, stamp.path, is_over.is_set))
    return readings


def _stamp(found: Found) -> FileStamp | Unread:
    if found.reason is not None:
        return Unread(found.path, found.reason, found.detail)
    return stamp_file(found.path)


def _done(reading: Content | Unread) -> Reading:
    future = Reading()
    future.set_result(reading)
    return future
