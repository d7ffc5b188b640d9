"""A database that cannot be used is refused with what was wrong and what to do."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from db import session as session_module
from db.errors import DatabaseError, DatabaseUnavailableError
from db.schema import upgrade_database
from db.session import Database, open_database
from scheduler.drill.installation import obey_permissions
from tests.services import PostgresServer, free_port


def test_committed_rows_stay_and_failed_ones_do_not(database: Database) -> None:
    """A session is one transaction: all of it at its end, nothing of it after an exception."""
    row = "INSERT INTO sweeps (id, swept_at, grace_until) VALUES ({}, 0, 0)"
    with database.begin() as session:
        session.execute(text(row.format(1)))
    with pytest.raises(KeyError), database.begin() as session:
        session.execute(text(row.format(2)))
        raise KeyError

    with database.read() as session:
        assert session.scalars(text("SELECT id FROM sweeps")).all() == [1]


def test_reader_sees_one_moment(database: Database) -> None:
    """Within one reading session, nothing that others commit appears."""
    with database.read() as reader:
        before = reader.scalar(text("SELECT count(*) FROM sweeps"))
        with database.begin() as writer:
            writer.execute(text("INSERT INTO sweeps (id, swept_at, grace_until) VALUES (1, 0, 0)"))
        after = reader.scalar(text("SELECT count(*) FROM sweeps"))

    assert (before, after) == (0, 0)


def test_writers_wait_for_each_other(database: Database) -> None:
    """Two writers that read before they write do not fail, they take turns."""
    with database.begin() as session:
        session.execute(text("INSERT INTO sweeps (id, swept_at, grace_until) VALUES (1, 0, 0)"))

    def add_often() -> None:
        for _ in range(20):
            with database.begin() as session:
                session.execute(text("UPDATE sweeps SET swept_at = swept_at + 1 WHERE id = 1"))

    threads = [threading.Thread(target=add_often) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.read() as session:
        assert session.scalar(text("SELECT swept_at FROM sweeps")) == 60


@pytest.mark.parametrize("name", ["with space.db", "per%20cent?x=1#y.db", "quote'\".db", "new\nline.db", "ü.db"])
def test_sqlite_file_of_any_name(tmp_path: Path, name: str) -> None:
    """All that follows the third slash is the path, whatever its characters."""
    database = open_database(f"sqlite:///{tmp_path / name}")
    upgrade_database(database)
    database.dispose()

    assert (tmp_path / name).stat().st_size > 0


def test_sqlite_file_whose_name_is_not_utf8(tmp_path: Path) -> None:
    """A directory that is not UTF-8 can hold the database."""
    name = os.fsdecode(b"\xff.db")
    database = open_database(f"sqlite:///{tmp_path / name}")
    database.dispose()

    assert "\ufffd" in database.shown_url
    assert (tmp_path / name).exists()


def test_sqlite_is_set_for_several_processes(tmp_path: Path) -> None:
    """Readers do not block writers, rows refer to rows, and a busy file is waited for."""
    database = open_database(f"sqlite:///{tmp_path / 'f.db'}")
    wanted = ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
    with database.read() as session:
        found = [session.scalar(text(f"PRAGMA {name}")) for name in wanted]
    database.dispose()

    assert found == ["wal", 1, 30_000, 1]


def test_locked_sqlite_says_so_and_may_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another process keeps locked is unavailable, not broken."""
    monkeypatch.setattr(session_module, "BUSY_TIMEOUT_S", 0)
    path = tmp_path / "f.db"
    database = open_database(f"sqlite:///{path}")
    upgrade_database(database)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with (
        pytest.raises(DatabaseUnavailableError, match="locked by another process"),
        database.begin() as session,
    ):
        session.execute(text("SELECT 1"))
    other.rollback()
    other.close()
    with database.begin() as session:
        session.execute(text("SELECT 1"))
    database.dispose()


def test_full_disk_says_so_and_may_be_tried_again(tmp_path: Path) -> None:
    """A write for which there is no room leaves nothing behind and tells what to do."""
    database = open_database(f"sqlite:///{tmp_path / 'f.db'}")
    upgrade_database(database)
    with pytest.raises(DatabaseUnavailableError, match="no disk space left: free some"), database.begin() as session:
        # SQLite's own way to say that a file may not grow.
        session.execute(text("PRAGMA max_page_count = 1"))
        session.execute(text("CREATE TABLE large AS SELECT randomblob(100000) AS x"))
    database.dispose()


def test_read_only_file_says_so(tmp_path: Path) -> None:
    """A database that may not be written names itself and what to change."""
    database = open_database(f"sqlite:///{tmp_path / 'f.db'}")
    with pytest.raises(DatabaseUnavailableError, match="is read-only: make the file"), database.begin() as session:
        session.execute(text("PRAGMA query_only = ON"))
        session.execute(text("CREATE TABLE t (x)"))
    database.dispose()


def test_frozen_writer_loses_its_locks(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that stands still inside a transaction is cut off; a reader may take its time."""
    monkeypatch.setattr(session_module, "IDLE_WRITER_S", 1)
    url = postgres.create_database()
    database = open_database(url)
    with database.begin() as session:
        session.execute(text("CREATE TABLE t (x integer)"))
        session.execute(text("INSERT INTO t VALUES (1)"))
    frozen = database.engine.connect()
    frozen.execute(text("UPDATE t SET x = 2"))
    with database.read() as reader:
        reader.execute(text("SELECT x FROM t"))
        with database.begin() as session:
            # Waits for the frozen one's lock, until the server takes it away.
            session.execute(text("UPDATE t SET x = 3"))

        assert reader.scalar(text("SELECT x FROM t")) == 1
    with database.read() as session:
        assert session.scalar(text("SELECT x FROM t")) == 3
    frozen.invalidate()
    frozen.close()
    database.dispose()
    postgres.drop_database(url)


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Some other file is not overwritten."""
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, not a database\n" * 100)

    with pytest.raises(DatabaseError, match=r"notes\.txt is not an SQLite database"):
        open_database(f"sqlite:///{path}")
    assert path.read_text().startswith("these are notes")


def test_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A home below a file names itself and the variable to set."""
    (tmp_path / "file").touch()

    with pytest.raises(DatabaseError, match="FAKESWEEP_HOME"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'home' / 'f.db'}")


@pytest.mark.parametrize(
    "url", ["mysql://u:secret@h/d", "nonsense secret", "postgresql://u:secret@h:port/d", "sqlite:///:memory:"]
)
def test_wrong_address_is_refused_without_the_password(url: str) -> None:
    """An address of the wrong kind names the variable and the form, and never repeats a password."""
    with pytest.raises(DatabaseError, match="FAKESWEEP_DATABASE_URL") as refusal:
        open_database(url)
    assert "secret" not in str(refusal.value)


def test_absent_server_may_be_tried_again() -> None:
    """Nobody listening is a passing state, told with the address and without the password."""
    with pytest.raises(DatabaseUnavailableError, match=r"127\.0\.0\.1.* does not answer") as refusal:
        open_database(f"postgresql://u:secret@127.0.0.1:{free_port()}/d")
    assert "secret" not in str(refusal.value)


def test_unknown_database_or_user_is_permanent(postgres: PostgresServer) -> None:
    """A name that the server does not know will not be known next time either."""
    for address in (f"postgres@/nowhere?host={postgres.folder}", f"nobody@/postgres?host={postgres.folder}"):
        with pytest.raises(DatabaseError, match="correct FAKESWEEP_DATABASE_URL") as refusal:
            open_database(f"postgresql://{address}")
        assert not isinstance(refusal.value, DatabaseUnavailableError)


def test_missing_tables_name_the_command(empty_database_url: str) -> None:
    """A query on a database that was never upgraded says which command makes the tables."""
    database = open_database(empty_database_url)
    with pytest.raises(DatabaseError, match="fakesweep db upgrade"), database.read() as session:
        session.execute(text("SELECT id FROM scans"))
    database.dispose()


def test_server_restart_is_survived(postgres: PostgresServer) -> None:
    """After the server came back, the next session works on a new connection."""
    url = postgres.create_database()
    database = open_database(url)
    postgres.stop()
    with pytest.raises(DatabaseUnavailableError), database.read() as session:
        session.execute(text("SELECT 1"))
    postgres.start()

    with database.read() as session:
        assert session.scalar(text("SELECT 1")) == 1
    database.dispose()
    postgres.drop_database(url)


_WRITE_BEFORE_AND_AFTER = """
import sys
from pathlib import Path
from sqlalchemy import text
from db.errors import DatabaseUnavailableError
from db.session import open_database

folder = Path(sys.argv[1])

def write(database):
    with database.begin() as session:
        session.execute(text("INSERT INTO sweeps (id, swept_at, grace_until) VALUES (1, 0, 0)"))

def allow(mode):
    for path in folder.glob("f.db*"):
        path.chmod(mode)

allow(0o444)
database = open_database(f"sqlite:///{folder / 'f.db'}")
try:
    write(database)
except DatabaseUnavailableError as error:
    print("refused" if "read-only" in str(error) else error)
allow(0o644)
write(database)
print("written")
"""


def test_file_that_was_read_only_is_written_again(tmp_path: Path) -> None:
    """A process that met the file while it was read-only writes again as soon as the file can be written."""
    migrated = open_database(f"sqlite:///{tmp_path / 'f.db'}")
    upgrade_database(migrated)
    migrated.dispose()
    ended = subprocess.run(
        [sys.executable, "-c", _WRITE_BEFORE_AND_AFTER, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=obey_permissions(),
    )

    assert ended.stdout.split() == ["refused", "written"], ended.stderr
