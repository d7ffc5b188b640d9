"""A file is read once, whole, and never in the middle of a change."""

import hashlib
import os
from pathlib import Path

from db.known_files import NEVER
from scheduler.hashing import Content, Unread, read_content, stamp_file
from worker.pipeline.errors import Reason

_LONG_AGO_NS = 1_600_000_000_000_000_000


def _write(path: Path, content: bytes) -> bytes:
    path.write_bytes(content)
    os.utime(path, ns=(_LONG_AGO_NS, _LONG_AGO_NS))
    return os.fsencode(path)


def test_content_is_its_sha256(tmp_path: Path) -> None:
    """The hash is that of all bytes, whatever the size of a chunk."""
    content = os.urandom(3_000_001)
    read = read_content(_write(tmp_path / "v", content))

    assert isinstance(read, Content)
    assert read.sha256 == hashlib.sha256(content).hexdigest()
    assert (read.stamp.size_bytes, read.stamp.mtime_ns) == (3_000_001, _LONG_AGO_NS)


def test_fresh_file_is_not_remembered(tmp_path: Path) -> None:
    """A file written a moment ago may change again without a new mtime, so it is read again next time."""
    (tmp_path / "v").write_bytes(b"x")
    read = read_content(os.fsencode(tmp_path / "v"))

    assert isinstance(read, Content)
    assert read.stamp.mtime_ns == NEVER
    assert read.mtime_ns == (tmp_path / "v").stat().st_mtime_ns


def test_what_gives_no_content_says_why(tmp_path: Path) -> None:
    """An empty file, a missing one, a directory and a pipe each have their reason; a pipe does not block."""
    os.mkfifo(tmp_path / "pipe")
    paths = [_write(tmp_path / "empty", b""), *(os.fsencode(tmp_path / name) for name in ("gone", "pipe", "."))]
    for look in (stamp_file, read_content):
        unread = [look(path) for path in paths]

        reasons = [item.reason for item in unread if isinstance(item, Unread)]
        assert reasons == [Reason.EMPTY, Reason.MISSING, Reason.SPECIAL_FILE, Reason.SPECIAL_FILE]


def test_file_that_changes_is_read_again(tmp_path: Path) -> None:
    """A change while it is read makes the reading void, and the next one counts."""
    path = _write(tmp_path / "v", b"before")
    contents = [b"after it changed"]

    def change_once() -> bool:
        if contents:
            _write(tmp_path / "v", contents.pop())
        return False

    read = read_content(path, change_once)

    assert isinstance(read, Content)
    assert read.sha256 == hashlib.sha256(b"after it changed").hexdigest()


def test_file_that_goes_on_growing_is_given_up(tmp_path: Path) -> None:
    """A recording under way is an entry with a reason, not an endless reading."""
    path = _write(tmp_path / "growing", b"x")

    def grow() -> bool:
        with (tmp_path / "growing").open("ab") as file:
            file.write(b"y")
        return False

    read = read_content(path, grow)

    assert isinstance(read, Unread)
    assert (read.reason, "changed 3 times" in read.detail) == (Reason.READ_ERROR, True)


def test_reading_stops_when_nobody_waits_for_it(tmp_path: Path) -> None:
    """An interrupted submission does not read a large file to its end."""
    chunks = []

    def stop_after_two() -> bool:
        chunks.append(1)
        return len(chunks) > 2

    read_content(_write(tmp_path / "v", bytes(50_000_000)), stop_after_two)

    assert len(chunks) <= 5
