"""A submission accounts for every file, reads each content once, and can be repeated."""

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from db.batches import read_batch
from db.clock import db_now
from db.progress import read_progress
from db.registry import active_classifier
from db.reports import open_report
from db.session import Database
from db.tables.batches import Batch, Entry
from db.tables.scans import Scan
from scheduler import reading, submission
from scheduler.hashing import Content, Unread, read_content
from scheduler.submission import NothingToScanError, Submission, SubmitOptions, submit
from tests.seeding import scan_ids, seed_classifier

_LONG_AGO_NS = 1_600_000_000_000_000_000


def _write(folder: Path, contents: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        path = folder / f"{name}.mp4"
        path.write_text(content)
        os.utime(path, ns=(_LONG_AGO_NS, _LONG_AGO_NS))
    return folder


def _submit(database: Database, *paths: Path, **options: Any) -> Submission:
    with database.read() as session:
        classifier = active_classifier(session)
    assert classifier is not None
    return submit(
        database,
        [str(path) for path in paths],
        name=None,
        options=SubmitOptions(preset="standard", frames=16, **options),
        classifier_id=classifier.id,
    )


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The paths whose content was read, in order of reading."""
    paths: list[bytes] = []

    def read_and_note(path: bytes, *rest: Any) -> Content | Unread:
        paths.append(path)
        return read_content(path, *rest)

    monkeypatch.setattr(reading, "read_content", read_and_note)
    return paths


def test_every_file_is_accounted_for(database: Database, tmp_path: Path) -> None:
    """Videos, copies, empty files and missing paths are entries; the rest is counted as ignored."""
    seed_classifier(database)
    folder = _write(tmp_path / "v", {"a": "1", "b": "2", "copy": "1", "empty": ""})
    (folder / "notes.txt").write_text("x")
    done = _submit(database, folder, tmp_path / "gone.mp4")

    assert (done.submitted, done.ignored, done.new_scans, done.reused) == (5, 1, 2, 1)
    with database.read() as session:
        report = open_report(session, done.batch_id).whole()
        batch = read_batch(session, done.batch_id)
    told = [(Path(video["path"]).name, video["state"], video["reason"]) for video in report["videos"]]
    assert told == [
        ("a.mp4", "queued", None),
        ("b.mp4", "queued", None),
        ("copy.mp4", "queued", None),
        ("empty.mp4", "unreadable", "empty"),
        ("gone.mp4", "unreadable", "missing"),
    ]
    assert batch is not None
    assert (batch.name, batch.is_complete, batch.ignored) == ("v", True, 1)
    assert batch.options == {"preset": "standard", "frames": 16, "max_frames": 256, "aggregate": "mean"}


def test_second_submission_reads_and_judges_nothing_again(
    database: Database, tmp_path: Path, opened: list[bytes]
) -> None:
    """Known files are not opened, and their scans are shared; a changed one is read."""
    seed_classifier(database)
    folder = _write(tmp_path / "v", {"a": "1", "b": "2"})
    first = _submit(database, folder)
    opened.clear()
    second = _submit(database, folder)
    untouched = list(opened)
    _write(folder, {"b": "changed"})
    third = _submit(database, folder)

    assert (second.submitted, second.new_scans, second.reused, untouched) == (2, 0, 2, [])
    assert scan_ids(database, second.batch_id) == scan_ids(database, first.batch_id)
    assert (third.new_scans, third.reused, opened) == (1, 1, [os.fsencode(folder / "b.mp4")])


def test_directories_without_videos_are_an_error(database: Database, tmp_path: Path) -> None:
    """When there is nothing to scan, no batch is made, and the message names the directory."""
    seed_classifier(database)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").touch()

    with pytest.raises(NothingToScanError, match=r"no video in '.*/empty' \(1 other files\)"):
        _submit(database, tmp_path / "empty")
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Batch)) == 0


def test_empty_directory_beside_a_full_one_is_told(database: Database, tmp_path: Path) -> None:
    """A directory without a video does not stop the others."""
    seed_classifier(database)
    (tmp_path / "empty").mkdir()
    done = _submit(database, tmp_path / "empty", _write(tmp_path / "v", {"a": "1"}))

    assert (done.submitted, done.empty_directories) == (1, (os.fsencode(tmp_path / "empty"),))


def test_chunks_join_without_gap_or_double(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the chunks, every file is one entry, in order, and progress rises to the whole."""
    monkeypatch.setattr(submission, "_CHUNK_ENTRIES", 3)
    monkeypatch.setattr(reading, "_AHEAD", 4)
    classifier_id = seed_classifier(database)
    folder = _write(tmp_path / "v", {f"{number:03}": str(number % 10) for number in range(25)})
    seen: list[Submission] = []
    done = submit(
        database,
        [os.fsencode(folder)],
        name="many",
        options=SubmitOptions(preset="fast", frames=8),
        classifier_id=classifier_id,
        on_progress=seen.append,
    )

    with database.read() as session:
        rows = select(Entry.position, Entry.path).where(Entry.batch_id == done.batch_id)
        entries = session.execute(rows.order_by(Entry.position)).all()
    expected = [(number, os.fsencode(folder / f"{number:03}.mp4")) for number in range(25)]
    assert [tuple(entry) for entry in entries] == expected
    assert (done.new_scans, done.reused) == (10, 15)
    assert [step.submitted for step in seen] == sorted(step.submitted for step in seen)
    assert seen[-1] == done


def test_force_judges_each_content_once_more(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forced submission makes one new scan per content, over all its chunks."""
    monkeypatch.setattr(submission, "_CHUNK_ENTRIES", 1)
    seed_classifier(database)
    folder = _write(tmp_path / "v", {"a": "1", "copy": "1", "again": "1"})
    first = _submit(database, folder)
    with database.begin() as session:
        session.execute(update(Scan).values(state="no_face", finished_at=db_now()))
    forced = _submit(database, folder, force=True)

    assert (forced.new_scans, forced.reused) == (1, 2)
    assert len(set(scan_ids(database, forced.batch_id))) == 1
    assert set(scan_ids(database, forced.batch_id)).isdisjoint(scan_ids(database, first.batch_id))


def test_outdated_submission_leaves_out_what_is_up_to_date(database: Database, tmp_path: Path) -> None:
    """Only what another classifier judged last is entered; the rest counts as ignored."""
    seed_classifier(database, version="1")
    folder = _write(tmp_path / "v", {"a": "1", "b": "2"})
    _submit(database, folder / "a.mp4")
    with database.begin() as session:
        session.execute(update(Scan).values(state="judged", score_mean=0.5, finished_at=db_now()))
    seed_classifier(database, version="2")
    done = _submit(database, folder, outdated=True)

    assert (done.submitted, done.ignored, done.new_scans) == (1, 1, 1)


def test_cancelled_submission_stops(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that is cancelled while it is written takes no more entries, and is complete."""
    monkeypatch.setattr(submission, "_CHUNK_ENTRIES", 2)
    classifier_id = seed_classifier(database)
    folder = _write(tmp_path / "v", {f"{number}": str(number) for number in range(9)})

    def cancel_early(step: Submission) -> None:
        with database.begin() as session:
            session.execute(update(Batch).where(Batch.id == step.batch_id).values(cancelled_at=db_now()))

    done = submit(
        database,
        [str(folder)],
        name=None,
        options=SubmitOptions(preset="fast", frames=8),
        classifier_id=classifier_id,
        on_progress=cancel_early,
    )

    with database.read() as session:
        progress = read_progress(session, done.batch_id)
    assert (done.submitted, done.is_cancelled, progress.is_submitted) == (2, True, True)


def test_interrupted_submission_goes_on_when_repeated(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[bytes]
) -> None:
    """What was written before an interruption is neither read nor judged again."""
    monkeypatch.setattr(submission, "_CHUNK_ENTRIES", 2)
    classifier_id = seed_classifier(database)
    folder = _write(tmp_path / "v", {f"{number}": str(number) for number in range(9)})

    def interrupt(_step: Submission) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        submit(
            database,
            [str(folder)],
            name=None,
            options=SubmitOptions(preset="standard", frames=16),
            classifier_id=classifier_id,
            on_progress=interrupt,
        )
    opened.clear()
    done = _submit(database, folder)

    assert (done.submitted, done.new_scans, done.reused) == (9, 7, 2)
    assert sorted(opened) == [os.fsencode(folder / f"{number}.mp4") for number in range(2, 9)]
