"""Full disks under a running worker: PostgreSQL's, or that of its own notes; nothing is lost by either."""

import os
from pathlib import Path

import psycopg
import pytest

from db.history import keep_history
from db.invariants import read_history
from tests.integration.worker.installation import Installation
from tests.services import PostgresServer, wait_until
from tests.small_disks import run_driver

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ON_POSTGRESQL = pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)


@pytest.mark.parametrize(
    ("part", "word"), [("data", "has no disk space left: free some on its host"), ("wal", "does not answer")]
)
def test_a_full_disk_is_waited_for(part: str, word: str, short_folder: Path) -> None:
    """A worker on a server whose disk is full waits ever longer, says why, and goes on: each video has one verdict."""
    folder = short_folder / f"full-{part}"
    folder.mkdir()

    driver = "tests.integration.worker.on_full_postgresql"
    seen = run_driver(driver, folder, part, environment=os.environ, timeout_s=500)

    assert any(word in line for line in seen["said"]), seen["said"]
    assert seen["was_alive"]
    assert seen["is_alive"]
    assert set(seen["pauses"]) >= {0.2, 0.4, 0.8, 1.6}
    assert seen["tracebacks"] == 0, seen["log"]
    assert seen["verdicts"] == [1] * 400


def test_a_worker_gives_back_its_work_although_its_tmpdir_is_full(short_folder: Path) -> None:
    """The word that asks for it needs no room: the worker stops in time, and the scan is as if never begun."""
    folder = short_folder / "full-tmp"
    folder.mkdir()

    seen = run_driver("tests.integration.worker.on_full_tmp", folder, environment=os.environ, timeout_s=300)

    assert (seen["status"], seen["state"], seen["attempts"]) == (0, "queued", 0), seen
    assert seen["took_s"] < 30
    assert "Traceback" not in seen["log"]


@ON_POSTGRESQL
def test_a_server_that_only_reads_is_waited_for(installation: Installation, postgres: PostgresServer) -> None:
    """While it refuses to write (a standby, an operator's switch) nothing is lost, and the log says what to do."""
    name = installation.database_url.partition("@/")[2].partition("?")[0]

    def may_write(*, is_allowed: bool) -> None:
        with psycopg.connect(f"host={postgres.folder} user=postgres dbname=postgres", autocommit=True) as connection:
            switch = "RESET default_transaction_read_only"
            switch = switch if is_allowed else "SET default_transaction_read_only = on"
            connection.execute(f"ALTER DATABASE {name} {switch}".encode())
            # The switch counts for new connections.
            connection.execute(b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        # Ours were among them.
        installation.database.dispose()

    keep_history(installation.database)
    installation.submit([f"slow-{number}" for number in range(8)])
    worker = installation.start_worker()
    with installation.scheduler():
        installation.wait_judged(2)
        may_write(is_allowed=False)
        wait_until(lambda: "is read-only: connect to the primary" in installation.log.read_text(), what="the word")
        wait_until(lambda: "trying again in 1.6 s" in installation.log.read_text(), what="the waiting")
        may_write(is_allowed=True)
        installation.wait_states(judged=8)

    with installation.database.read() as session:
        history = read_history(session)
    assert worker.poll() is None
    assert "Traceback" not in installation.log.read_text()
    assert [sum(change.new_state == "judged" for change in changes) for changes in history.values()] == [1] * 8
