"""What is older than an operator wants to keep goes, a little at a time; verdicts and counts stay right."""

import os
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

from db.clock import db_now
from db.progress import read_progress
from db.reports import open_report
from db.retention import vacuum_database
from db.session import Database
from db.tables.batches import Batch, Entry, Tally, TallyChange
from db.tables.contents import Video
from db.tables.findings import FaceRow, FrameRow, TrackRow
from db.tables.scans import Scan
from db.tallies import add_up_changes, count_waiting
from scheduler.retention import Keep, Pruned, plan_pruning, prune
from tests.seeding import end_scan, judged, scan_ids, seed_batch, seed_classifier
from worker.evidence import evidence_path

_DAY_S = 86_400.0


def judge_all(database: Database, batch_id: int) -> list[int]:
    """Judges every scan of a batch; their ids."""
    ids = scan_ids(database, batch_id)
    for scan_id in ids:
        end_scan(database, scan_id, judged(0.9))
    return ids


def make_older(database: Database, batch_id: int, days: float) -> None:
    """Lets a batch, and what it came to, be older."""
    with database.begin() as session:
        session.execute(
            update(Batch).where(Batch.id == batch_id).values(created_at=db_now() - days * _DAY_S, is_complete=True)
        )
        ids = select(Entry.scan_id).where(Entry.batch_id == batch_id)
        session.execute(
            update(Scan)
            .where(Scan.id.in_(ids), Scan.finished_at.is_not(None))
            .values(finished_at=db_now() - days * _DAY_S)
        )


def count(database: Database, table: type) -> int:
    """The rows of a table."""
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def old_and_new(database: Database) -> tuple[int, int]:
    """A batch of three judged videos of ten days ago, and one of two of today."""
    classifier_id = seed_classifier(database)
    batches = []
    for names, days in ((["a", "b", "c"], 10.0), (["d", "e"], 0.0)):
        batch_id = seed_batch(database, classifier_id, names)
        judge_all(database, batch_id)
        make_older(database, batch_id, days)
        batches.append(batch_id)
    return batches[0], batches[1]


def test_nothing_goes_if_nothing_was_said(database: Database, old_and_new: tuple[int, int]) -> None:
    """The default is to keep all for ever."""
    assert prune(database, Keep(), None) == Pruned()
    assert (count(database, FrameRow), count(database, Batch)) == (10, 2)


def test_old_frames_go_and_verdicts_stay(database: Database, old_and_new: tuple[int, int]) -> None:
    """Of old scans neither frames nor faces are left; score, tracks and counts are."""
    keep = Keep(frames_days=5.0)
    planned = plan_pruning(database, keep, None)
    done = prune(database, keep, None)

    assert (planned, done) == (Pruned(frames_of=3), Pruned(frames_of=3))
    assert [count(database, table) for table in (FrameRow, FaceRow, TrackRow)] == [4, 2, 5]
    with database.read() as session:
        report = open_report(session, old_and_new[0]).whole()
    assert report["batch"]["verdicts"] == {"fake": 3, "real": 0, "uncertain": 0}
    assert [(video["score"], video["frames"]) for video in report["videos"]] == [(0.9, [])] * 3
    assert prune(database, keep, None) == Pruned()


def test_more_scans_than_one_chunk(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is cut into transactions, and none of it is left out where times are equal."""
    monkeypatch.setattr("scheduler.retention._AT_ONCE", 2)
    batch_id = seed_batch(database, seed_classifier(database), list("abcdefg"))
    judge_all(database, batch_id)
    make_older(database, batch_id, 10.0)
    pauses: list[float] = []

    done = prune(
        database, Keep(frames_days=1.0, batches_days=1.0), None, pause=lambda wait_s: bool(pauses.append(wait_s))
    )

    assert (done.frames_of, done.batches, done.entries) == (7, 1, 7)
    assert len(pauses) >= 8


def test_pruning_can_be_stopped_and_gone_on_with(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that ends in the middle leaves a batch whose counts are those of what is left."""
    monkeypatch.setattr("scheduler.retention._AT_ONCE", 2)
    batch_id = seed_batch(database, seed_classifier(database), list("abcde"))
    judge_all(database, batch_id)
    make_older(database, batch_id, 10.0)

    prune(database, Keep(batches_days=1.0), None, pause=lambda _: True)

    with database.read() as session:
        assert read_progress(session, batch_id).counts == {"judged": 3}
    assert prune(database, Keep(batches_days=1.0), None) == Pruned(batches=1, entries=3)


def test_old_batches_go_and_what_was_judged_is_not_judged_again(
    database: Database, old_and_new: tuple[int, int]
) -> None:
    """Scans and videos stay, so a video that comes again is linked; no count of the batch is left."""
    old, new = old_and_new
    keep = Keep(batches_days=5.0)

    assert plan_pruning(database, keep, None) == Pruned(batches=1, entries=3)
    assert prune(database, keep, None) == Pruned(batches=1, entries=3)
    with database.begin() as session:
        add_up_changes(session)
        assert session.get(Batch, old) is None
        assert read_progress(session, new).counts == {"judged": 2}
        assert count_waiting(session) == 0
        left = [*session.scalars(select(Tally.batch_id)), *session.scalars(select(TallyChange.batch_id))]
        assert old not in left
    assert (count(database, Scan), count(database, Video)) == (5, 5)
    again = seed_batch(database, 1, ["a"])
    with database.read() as session:
        assert read_progress(session, again).counts == {"judged": 1}


def test_a_batch_in_which_something_waits_stays(database: Database) -> None:
    """However old it is."""
    batch_id = seed_batch(database, seed_classifier(database), ["a", "b"])
    make_older(database, batch_id, 400.0)

    assert prune(database, Keep(batches_days=1.0), None) == Pruned()


def _keep_file(directory: Path, scan_id: int, token: int, *, age_s: float = 0.0) -> Path:
    path = evidence_path(directory, scan_id, token)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 100)
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def test_old_and_orphaned_evidence_goes(database: Database, old_and_new: tuple[int, int], tmp_path: Path) -> None:
    """Files of old verdicts, of scans that are gone and of earlier leases; one that was just written stays."""
    old, new = (scan_ids(database, batch_id)[0] for batch_id in old_and_new)
    kept = [_keep_file(tmp_path, new, 1), _keep_file(tmp_path, 999_999, 1), _keep_file(tmp_path, new, 7)]
    gone = [
        _keep_file(tmp_path, old, 1),
        _keep_file(tmp_path, new, 3, age_s=2 * _DAY_S),
        _keep_file(tmp_path, 5_000_000, 1, age_s=2 * _DAY_S),
    ]
    foreign = tmp_path / "000000" / "000" / "holiday.jpg"
    foreign.touch()
    keep = Keep(evidence_days=5.0)

    assert plan_pruning(database, keep, tmp_path) == Pruned(evidence_files=3, evidence_bytes=300)
    assert all(path.exists() for path in gone)
    assert prune(database, keep, tmp_path) == Pruned(evidence_files=3, evidence_bytes=300)
    assert [path.exists() for path in (*kept, foreign, *gone)] == [True] * 4 + [False] * 3


def test_a_new_sqlite_file_shrinks_by_itself(database: Database) -> None:
    """Pages that were freed are given back in steps; PostgreSQL has its autovacuum."""
    if not database.is_sqlite:
        assert prune(database, Keep(), None) == Pruned()
        return
    with database.begin() as session:
        session.execute(text("CREATE TABLE much (content BLOB)"))
        session.execute(text("INSERT INTO much SELECT randomblob(20000000)"))
        session.execute(text("DROP TABLE much"))
        full = session.scalar(text("PRAGMA page_count"))

    prune(database, Keep(), None)

    with database.begin() as session:
        assert session.scalar(text("PRAGMA freelist_count")) == 0
        assert session.scalar(text("PRAGMA page_count")) < full - 4000


def test_vacuum_is_for_sqlite(database: Database) -> None:
    """It makes the file as small as what is in it; a server is left to itself."""
    if not database.is_sqlite:
        with pytest.raises(ValueError, match="autovacuum"):
            vacuum_database(database)
        return
    with database.begin() as session:
        session.execute(text("CREATE TABLE much (content BLOB)"))
        session.execute(text("INSERT INTO much SELECT randomblob(2000000)"))
        session.execute(text("DROP TABLE much"))

    before, after = vacuum_database(database)

    assert before - after > 1_900_000
