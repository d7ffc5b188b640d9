"""An upgrade carries over what an earlier version wrote."""

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, insert, inspect, select, text

from db import schema
from db.leases import claim_scan, save_outcome
from db.progress import read_progress, read_status
from db.reports import open_report
from db.schema import MIGRATIONS, check_schema, upgrade_database
from db.session import Database, open_database
from db.tables.batches import Batch, Entry, Tally
from db.verdicts import Thresholds
from db.videos import find_videos
from tests.seeding import judged

STATES = ["judged", "judged", "judged", "no_face", "unreadable", "queued", "running"]
SCORES = [0.9, 0.5, 0.1]


def _migrate(database: Database, *, to: str, down: bool = False) -> None:
    """Brings the tables to a revision, as that version's own upgrade did."""
    with database.engine.begin() as connection:
        config = Config()
        config.attributes["connection"] = connection
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        (command.downgrade if down else command.upgrade)(config, to)


def _insert(connection: Connection, tables: MetaData, into: str, **values: Any) -> None:
    """A row with these values, and zero for what else it must have."""
    table = tables.tables[into]
    needed = {column.name: 0 for column in table.columns if not column.nullable and column.server_default is None}
    connection.execute(insert(table), {**needed, **values})


@pytest.fixture
def older(empty_database_url: str) -> Database:
    """A database of revision 0002: a batch of seven videos and a missing one, and a second batch of the first video."""
    database = open_database(empty_database_url)
    _migrate(database, to="0002")
    tables = MetaData()
    with database.engine.begin() as connection:
        tables.reflect(connection)
        _insert_batches(connection, tables)
        for number, state in enumerate(STATES, start=1):
            _insert_video(connection, tables, number, state)
        _insert(
            connection, tables, "entries", id=8, batch_id=1, position=7, path=b"/8", state="unreadable", reused=False
        )
        again = {"batch_id": 2, "path": b"/1", "video_id": 1, "scan_id": 1, "reused": True}
        _insert(connection, tables, "entries", id=9, **again)
        if not database.is_sqlite:
            for name in ("batches", "videos", "scans", "entries"):
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), 100)"))
    return database


def _insert_batches(connection: Connection, tables: MetaData) -> None:
    manifest = {"name": "c", "version": "1", "thresholds": {"mean": {"real_below": 0.3, "fake_from": 0.8}}}
    known = {"name": "c", "version": "1", "sha256": "c", "path": "/c", "manifest": manifest, "active": True}
    _insert(connection, tables, "classifiers", id=1, **known)
    for batch_id, aggregate in ((1, "mean"), (2, "max-track")):
        of_batch = {"name": f"b{batch_id}", "classifier_id": 1, "priority": "bulk", "is_complete": True}
        _insert(connection, tables, "batches", id=batch_id, options={"aggregate": aggregate}, **of_batch)


def _insert_video(connection: Connection, tables: MetaData, number: int, state: str) -> None:
    is_judged, path = state == "judged", b"/%d" % number
    _insert(connection, tables, "videos", id=number, sha256=f"{number}" * 64)
    scan = {
        "options_key": "frames=16 max_frames=256",
        "warnings": [],
        "priority": "bulk",
        "path": path,
        "state": state,
        "score_mean": SCORES[number - 1] if is_judged else None,
        "score_max_track": 0.9 if is_judged else None,
        "lease_expires_at": 1e12 if state == "running" else None,
        "runtime": "openvino" if state in ("judged", "no_face") else None,
        "token": 1,
        "runs_alone": False,
        "is_cancel_requested": False,
    }
    _insert(connection, tables, "scans", id=number, video_id=number, classifier_id=1, **scan)
    entry = {"batch_id": 1, "position": number - 1, "path": path, "reused": False}
    _insert(connection, tables, "entries", id=number, video_id=number, scan_id=number, **entry)


def _has_all(database: Database) -> None:
    with database.read() as session:
        status = read_status(session, 1)
        report = open_report(session, 1).whole()
        fakes = open_report(session, 1, verdict="fake").whole()["videos"]
        waiting = open_report(session, 1, state="queued").whole()["videos"]
        second = session.scalars(select(Batch).where(Batch.id == 2)).one()
        standing = session.scalar(select(Entry.standing).where(Entry.batch_id == 2))
        found = find_videos(session, "1111")
    assert report["batch"]["counts"] == {
        "queued": 1,
        "running": 1,
        "judged": 3,
        "no_face": 1,
        "unreadable": 2,
        "failed": 0,
        "quarantined": 0,
        "cancelled": 0,
    }
    assert report["batch"]["verdicts"] == {"fake": 1, "real": 1, "uncertain": 1}
    assert len(report["videos"]) == 8
    assert ([video["path"] for video in fakes], [video["path"] for video in waiting]) == (["/1"], ["/6"])
    assert (status["queue"]["queued"], status["queue"]["running"], found) == (1, 1, [1])
    # The classifier knows no thresholds for this aggregation.
    assert (second.aggregate, second.fake_from, standing) == ("max-track", None, "judged")


def test_counts_are_right_after_an_upgrade(older: Database) -> None:
    """What was judged before the upgrade is counted, listed and found after it."""
    assert upgrade_database(older) is True

    check_schema(older)
    _has_all(older)
    with older.read() as session:
        batch = session.scalars(select(Batch).where(Batch.id == 1)).one()
    assert Thresholds(batch.real_below or 0, batch.fake_from or 0) == Thresholds(0.3, 0.8)
    older.dispose()


def test_what_ran_during_an_upgrade_is_counted_when_it_ends(older: Database) -> None:
    """A scan that was claimed before the upgrade is saved after it, and counted in its batch."""
    upgrade_database(older)
    with older.begin() as session:
        assert save_outcome(session, 7, 1, judged(0.9))
        claim = claim_scan(session, 6, worker="w", lease_s=20, alone=False)

    assert claim is not None
    with older.read() as session:
        assert read_progress(session, 1).counts == {"running": 1, "judged": 4, "no_face": 1, "unreadable": 2}
        assert session.scalar(select(Tally.total).where(Tally.batch_id == 0)) in (1, 2)
    older.dispose()


def test_an_upgrade_can_be_taken_back(older: Database) -> None:
    """Going back leaves the older tables with their rows and no trigger, and the next upgrade counts anew."""
    upgrade_database(older)
    _migrate(older, to="0002", down=True)
    with older.engine.connect() as connection:
        assert not inspect(connection).has_table("tallies")
    with older.engine.begin() as connection:
        connection.execute(text("UPDATE scans SET state = 'failed' WHERE id = 6"))
        connection.execute(text("UPDATE scans SET state = 'queued' WHERE id = 6"))
    upgrade_database(older)

    _has_all(older)
    older.dispose()


def test_an_upgrade_that_fails_changes_nothing(
    older: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """When a migration breaks off, the older version goes on with its tables."""

    def fail(_connection: Connection) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("db.triggers.install_triggers", fail)
    with pytest.raises(RuntimeError, match="disk is full"):
        upgrade_database(older)

    with older.engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "0002"
        assert not inspect(connection).has_table("tallies")
    assert schema.HEAD_REVISION != "0002"
    older.dispose()
