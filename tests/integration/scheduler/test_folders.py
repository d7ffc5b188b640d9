"""What is put into a watched folder is submitted once, when it is written to the end."""

import logging
import multiprocessing
import os
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from db.clock import db_now
from db.folders import close_past_days
from db.session import Database, open_database
from db.steering import cancel_scans
from db.tables.batches import Batch, Entry
from db.tables.crew import WatchedFolder
from db.tables.scans import Scan
from scheduler.folders import FolderTroubleError, FolderWatch, WatchPolicy
from scheduler.submission import SubmitOptions
from tests.seeding import seed_classifier

_LONG_AGO_NS = 1_600_000_000_000_000_000


class Clock:
    """A clock that is set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now_s


def put(path: Path, content: str = "", *, mtime_ns: int = _LONG_AGO_NS) -> Path:
    """A file that was last written long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content or path.name)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


class Watched:
    """A folder with its watch, as after a restart whenever `restart` is called."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.clock = Clock()
        folder.mkdir()
        self.classifier_id = seed_classifier(database)
        self.restart()

    def restart(self) -> None:
        """A watch that has seen nothing yet."""
        options = SubmitOptions("standard", 16)
        policy = WatchPolicy(options, lambda _: self.classifier_id, still_s=10.0)
        self.watch = FolderWatch(self.database, os.fsencode(self.folder), policy, clock=self.clock)

    def look(self, *, after_s: float = 11.0) -> int:
        """Looks, waits, and looks again; how many files were entered."""
        first = self.watch.look()
        self.clock.now_s += after_s
        return first + self.watch.look()

    def entries(self) -> list[tuple[str, int]]:
        """Each entry's file and batch, in the order in which they were entered."""
        with self.database.read() as session:
            rows = session.execute(select(Entry.path, Entry.batch_id).order_by(Entry.batch_id, Entry.position))
            return [(Path(os.fsdecode(path)).name, batch_id) for path, batch_id in rows]


@pytest.fixture
def watched(database: Database, tmp_path: Path) -> Watched:
    """An empty folder that is watched."""
    return Watched(database, tmp_path / "incoming")


def test_new_files_become_entries_of_the_batch_of_the_day(watched: Watched) -> None:
    """Whenever they come, and however deep they lie; what is no video is left alone."""
    put(watched.folder / "a.mp4")
    put(watched.folder / "notes.txt")
    first = watched.look()
    put(watched.folder / "deep" / "er" / "b.mkv")
    second = watched.look()

    assert (first, second) == (1, 1)
    (a, batch), (b, other) = watched.entries()
    assert (a, b, batch) == ("a.mp4", "b.mkv", other)
    with watched.database.read() as session:
        found = session.get_one(Batch, batch)
        assert found.name.startswith("incoming 20")
        assert found.is_complete is False


def test_a_growing_file_is_not_taken(watched: Watched) -> None:
    """Not before it stood still for the whole time."""
    for size in range(1, 5):
        put(watched.folder / "a.mp4", "x" * size)
        assert watched.look(after_s=9.0) == 0

    assert watched.look() == 1


def test_hidden_temporary_and_empty_files_wait(watched: Watched) -> None:
    """They are taken under the name and with the content that they get in the end."""
    part = put(watched.folder / ".a.mp4.Ab12Cd")
    temporary = put(watched.folder / "b.temp.mp4")
    empty = watched.folder / "c.mp4"
    empty.touch()
    put(watched.folder / ".snapshot" / "old.mp4")
    before = watched.look()
    part.rename(watched.folder / "a.mp4")
    temporary.rename(watched.folder / "b.mp4")
    put(empty, "at last")

    assert (before, watched.look()) == (0, 3)


def test_a_restart_submits_nothing_again(watched: Watched) -> None:
    """What the database knows by path, size and mtime is old, whoever submitted it."""
    put(watched.folder / "a.mp4")
    watched.look()
    watched.restart()

    assert watched.look() == 0
    assert len(watched.entries()) == 1


def test_a_changed_file_is_a_new_entry(watched: Watched) -> None:
    """Other content under an old name is judged as well."""
    put(watched.folder / "a.mp4", "one")
    watched.look()
    put(watched.folder / "a.mp4", "another")

    assert watched.look() == 1
    with watched.database.read() as session:
        assert session.scalar(select(func.count(func.distinct(Entry.scan_id)))) == 2


def test_a_new_day_another_classifier_and_a_cancelled_batch_begin_a_new_one(watched: Watched) -> None:
    """And the batch before is complete, so that whoever waits for its end is told."""
    database = watched.database
    put(watched.folder / "a.mp4")
    watched.look()
    with database.begin() as session:
        session.execute(update(WatchedFolder).values(day=WatchedFolder.day - 1))
    put(watched.folder / "b.mp4")
    watched.look()
    watched.classifier_id = seed_classifier(database, version="2")
    put(watched.folder / "c.mp4")
    watched.look()
    with database.begin() as session:
        cancel_scans(session, watched.entries()[-1][1])
    put(watched.folder / "d.mp4")
    watched.look()

    batches = [batch for _, batch in watched.entries()]
    assert len(set(batches)) == 4
    with database.read() as session:
        assert [session.get_one(Batch, batch).is_complete for batch in batches] == [True, True, True, False]


def test_the_batch_of_a_past_day_is_completed_without_new_files(watched: Watched) -> None:
    """Nobody waits for the end of a day for ever; today's batch stays open."""
    put(watched.folder / "a.mp4")
    watched.look()
    with watched.database.begin() as session:
        assert close_past_days(session) == 0
        session.execute(update(WatchedFolder).values(day=WatchedFolder.day - 1))

    with watched.database.begin() as session:
        assert (close_past_days(session), close_past_days(session)) == (1, 0)


def test_a_folder_that_is_away_is_said_once_and_watched_on(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    """A mount that is gone stops nothing; when it is back, its files are taken."""
    watched.folder.rmdir()
    waits: list[float] = []

    def pause(wait_s: float) -> bool:
        waits.append(wait_s)
        watched.clock.now_s += 11.0
        if len(waits) == 4:
            watched.folder.mkdir()
            put(watched.folder / "a.mp4")
        return len(waits) == 7

    with caplog.at_level(logging.INFO):
        watched.watch.run(pause)

    assert [record.getMessage() for record in caplog.records if "cannot be looked through" in record.getMessage()] == [
        f"folder {watched.folder}: it cannot be looked through: there is no such file; trying again"
    ]
    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert len(watched.entries()) == 1


def test_a_file_in_place_of_the_folder_is_trouble(watched: Watched) -> None:
    """It is not taken for a video."""
    watched.folder.rmdir()
    put(watched.folder)

    with pytest.raises(FolderTroubleError):
        watched.watch.look()


def test_what_cannot_be_read_is_said_once_and_stops_nothing(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    """A link in a circle and a pipe lie beside a video."""
    (watched.folder / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(watched.folder / "pipe.mp4")
    put(watched.folder / "a.mp4")

    assert watched.look() + watched.look() == 1
    assert sorted(record.getMessage().split(": ")[1].rpartition("/")[2] for record in caplog.records) == [
        "loop.mp4",
        "pipe.mp4",
    ]


def test_a_name_that_is_no_text_is_taken(watched: Watched) -> None:
    """As the bytes that it is."""
    path = os.fsencode(watched.folder) + b"/\xff\n.mp4"
    with open(path, "wb") as file:  # noqa: PTH123 (pathlib knows no bytes)
        file.write(b"x")
    os.utime(path, ns=(_LONG_AGO_NS, _LONG_AGO_NS))

    assert watched.look() == 1
    with watched.database.read() as session:
        assert session.scalars(select(Entry.path)).all() == [path]


def _watch_for(url: str, folder: str, classifier_id: int, end_s: float) -> None:
    database = open_database(url)
    policy = WatchPolicy(SubmitOptions("standard", 16), lambda _: classifier_id, still_s=0.2)
    FolderWatch(database, os.fsencode(folder), policy).run(lambda wait_s: time.sleep(wait_s) or time.time() > end_s)
    database.dispose()


@pytest.mark.slow
def test_two_processes_take_each_file_once(watched: Watched, empty_database_url: str) -> None:
    """Two schedulers that watch one folder at once enter every file, and none twice."""
    spawning = multiprocessing.get_context("spawn")
    arguments = (empty_database_url, str(watched.folder), watched.classifier_id, time.time() + 6.0)
    processes = [spawning.Process(target=_watch_for, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    for number in range(120):
        put(watched.folder / f"{number % 7}" / f"{number}.mp4")
        time.sleep(0.02)
    for process in processes:
        process.join()
    # What came so late that nobody looked again.
    watched.look()

    assert [process.exitcode for process in processes] == [0, 0]
    entered = watched.entries()
    assert sorted(name for name, _ in entered) == sorted(f"{number}.mp4" for number in range(120))
    assert len({batch for _, batch in entered}) == 1
    with watched.database.read() as session:
        assert session.scalar(select(func.count(Scan.id)).where(Scan.queued_at <= db_now())) == 120
