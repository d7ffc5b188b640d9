"""A suspect runs alone in its worker."""

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services import wait_until
from worker.file_locks import FileLock, is_free
from worker.isolation import alone, beside_others, take_abandoned, worker_directory
from worker.presence import is_of_installation


def never() -> bool:
    """Nobody asks to stop."""
    return False


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary directory, in which workers make theirs."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def abandoned_in(temporary: Path, name: str) -> Path:
    """What a worker that died left."""
    directory = temporary / f"fakesweep-worker-{name}"
    directory.mkdir()
    (directory / "alive.lock").touch()
    return directory


def entering(enter: Callable[..., contextlib.AbstractContextManager[bool]], directory: Path) -> threading.Event:
    """Enters in a thread; set as soon as it is in, and leaves at once."""
    entered = threading.Event()

    def run() -> None:
        with enter(directory, should_stop=never) as is_in:
            if is_in:
                entered.set()

    threading.Thread(target=run, daemon=True).start()
    return entered


def test_ordinary_scans_share_the_room(tmp_path: Path) -> None:
    """Scans that nobody suspects run side by side."""
    with (
        beside_others(tmp_path, should_stop=never) as first,
        beside_others(tmp_path, should_stop=never) as second,
    ):
        assert (first, second) == (True, True)


def test_a_suspect_waits_until_the_room_is_empty(tmp_path: Path) -> None:
    """A suspect starts when the last of the others has ended."""
    with beside_others(tmp_path, should_stop=never):
        suspect = entering(alone, tmp_path)
        with alone(tmp_path, should_stop=lambda: True) as other_is_in:
            pass
        was_waiting = not suspect.is_set()

    wait_until(suspect.is_set, what="the suspect's turn")

    assert (other_is_in, was_waiting) == (False, True)


def test_nobody_comes_in_while_a_suspect_waits(tmp_path: Path) -> None:
    """A waiting suspect holds the turnstile, so that a stream of others cannot keep it out for ever."""

    def is_shut() -> bool:
        with beside_others(tmp_path, should_stop=lambda: True) as is_in:
            return not is_in

    with beside_others(tmp_path, should_stop=never):
        suspect = entering(alone, tmp_path)
        wait_until(is_shut, what="the suspect at the turnstile")

    wait_until(suspect.is_set, what="the suspect's turn")


def test_nobody_comes_in_beside_a_suspect(tmp_path: Path) -> None:
    """While a suspect runs, others wait; afterwards they go on."""
    with alone(tmp_path, should_stop=never) as is_in:
        newcomer = entering(beside_others, tmp_path)
        with beside_others(tmp_path, should_stop=lambda: True) as other_is_in:
            pass
        was_waiting = not newcomer.is_set()

    wait_until(newcomer.is_set, what="the newcomer's turn")

    assert (is_in, other_is_in, was_waiting) == (True, False, True)


def test_the_directory_is_private_and_goes(temporary: Path) -> None:
    """A worker's directory is its own and leaves nothing."""
    with worker_directory() as directory, worker_directory() as other:
        mode = directory.stat().st_mode & 0o777
        present = set(temporary.iterdir())

    assert (mode, present) == (0o700, {directory, other})
    assert list(temporary.iterdir()) == []


def test_what_dead_workers_left_is_taken_once(temporary: Path) -> None:
    """The directory of a dead worker can be looked at and is gone then; that of a living one is left alone."""
    abandoned = abandoned_in(temporary, "abandoned")
    with worker_directory() as directory:
        taken = [(found, found.exists()) for found in take_abandoned()]
        again = list(take_abandoned())
        left = list(temporary.iterdir())

    assert (taken, again, left) == ([(abandoned, True)], [], [directory])


def test_what_another_installations_worker_left_is_not_taken(temporary: Path) -> None:
    """It is left to that installation's next worker, which has a day to come; then it is removed."""
    theirs, old = abandoned_in(temporary, "theirs"), abandoned_in(temporary, "old")
    os.utime(old / "alive.lock", (0, 0))

    assert list(take_abandoned(lambda _: False)) == []
    assert list(temporary.iterdir()) == [theirs]
    assert list(take_abandoned(lambda _: True)) == [theirs]


def test_what_others_put_into_the_temporary_directory_is_let_be(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file, no link and no other user's directory under that name is opened, whatever lies in it."""
    theirs = abandoned_in(temporary, "theirs")
    (temporary / "fakesweep-worker-file").touch()
    (temporary / "fakesweep-worker-link").symlink_to(theirs)
    monkeypatch.setattr("os.getuid", lambda: theirs.stat().st_uid + 1)
    of_others = list(take_abandoned())
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    assert of_others == []
    assert list(take_abandoned()) == [theirs]
    assert sorted(path.name for path in temporary.iterdir()) == ["fakesweep-worker-file", "fakesweep-worker-link"]


@pytest.mark.parametrize("note", ["pipe", "bytes", "nothing"])
def test_a_note_that_no_worker_wrote_ends_nobody(temporary: Path, note: str) -> None:
    """A pipe is not read, and bytes that are no text are nobody's note."""
    strange = abandoned_in(temporary, "strange")
    if note == "pipe":
        os.mkfifo(strange / "database")
    if note == "bytes":
        (strange / "database").write_bytes(b"\xff\xfe")

    assert list(take_abandoned(lambda one: is_of_installation(one, "mark"))) == []
    assert strange.exists()


def test_a_directory_that_another_worker_is_removing_ends_nobody(temporary: Path) -> None:
    """What was just emptied has no newest file."""
    emptied = abandoned_in(temporary, "emptied")

    def empty(directory: Path) -> bool:
        (directory / "alive.lock").unlink()
        return False

    assert list(take_abandoned(empty)) == []
    assert not emptied.exists()


def test_a_new_worker_waits_for_whoever_tries_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it would live in a directory that all others take for abandoned."""
    directory = tmp_path / "fakesweep-worker-new"
    directory.mkdir()
    other = FileLock(directory / "alive.lock")
    assert other.try_acquire(shared=False)
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: str(directory))
    monkeypatch.setattr("time.sleep", lambda _: other.release())

    with worker_directory():
        assert not (other.is_held or is_free(directory / "alive.lock"))


def test_a_worker_whose_lock_is_kept_from_it_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and leaves nothing."""
    directory = tmp_path / "fakesweep-worker-new"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: str(directory))
    monkeypatch.setattr("worker.isolation._LOCK_LIMIT_S", 0.0)

    with (
        FileLock(directory / "alive.lock") as other,
        pytest.raises(OSError, match="keeps the lock"),
    ):
        other.try_acquire(shared=False)
        with worker_directory():
            pass

    assert not directory.exists()
