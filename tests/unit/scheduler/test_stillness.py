"""A file of a watched folder is taken when it was written to the end, and once."""

import pytest

from db.known_files import FileStamp
from scheduler.stillness import Stillness, is_unfinished

A = FileStamp(b"/in/a.mp4", 10, 1)


def test_a_file_is_due_after_it_stood_still() -> None:
    """Not at the first look, and not before the time is over."""
    stillness = Stillness(10.0)

    assert [stillness.look([A], now_s) for now_s in (0.0, 9.9, 10.0)] == [[], [], [A]]


@pytest.mark.parametrize("grown", [FileStamp(A.path, 11, 1), FileStamp(A.path, 10, 2)])
def test_a_change_of_size_or_mtime_begins_anew(grown: FileStamp) -> None:
    """A file that grows, or is written over in place, is being written."""
    stillness = Stillness(10.0)
    stillness.look([A], 0.0)

    assert [stillness.look([grown], now_s) for now_s in (9.0, 18.0, 19.0)] == [[], [], [grown]]


def test_a_settled_file_is_not_due_again_until_it_changes() -> None:
    """What was submitted is left alone; what changed since is a new file."""
    stillness = Stillness(1.0)
    stillness.look([A], 0.0)
    stillness.settle(A)
    changed = FileStamp(A.path, 12, 5)

    assert stillness.look([A], 5.0) == []
    assert [stillness.look([changed], now_s) for now_s in (6.0, 7.0)] == [[], [changed]]


def test_a_file_that_went_away_is_forgotten() -> None:
    """One that comes back stands still for the whole time again."""
    stillness = Stillness(10.0)
    stillness.look([A], 0.0)
    stillness.look([], 5.0)

    assert [stillness.look([A], now_s) for now_s in (12.0, 22.0)] == [[], [A]]


def test_what_could_not_be_read_waits_again() -> None:
    """It is not tried at every look."""
    stillness = Stillness(10.0)
    stillness.look([A], 0.0)
    stillness.wait_again(A.path, 10.0)

    assert [stillness.look([A], now_s) for now_s in (12.0, 20.0)] == [[], [A]]


@pytest.mark.parametrize(
    "name",
    [b".a.mp4", b".a.mp4.Xy12Zq", b"~a.mp4", b"a.mp4~", b"a.mp4.part", b"a.MP4.CRDOWNLOAD", b"a.tmp", b"a.temp.mp4",
     b"a.part.mp4", b".snapshot", b"\xff.part"],
)  # fmt: skip
def test_names_of_programs_that_still_write_wait(name: bytes) -> None:
    """Hidden files, and what browsers, rsync and downloaders call a file before its time."""
    assert is_unfinished(name)


@pytest.mark.parametrize("name", [b"a.mp4", b"part.mp4", b"temp.mp4", b"a.part1.mp4", b"party.mp4", b"download", b""])
def test_other_names_do_not_wait(name: bytes) -> None:
    """A word of that kind elsewhere in a name means nothing."""
    assert not is_unfinished(name)
