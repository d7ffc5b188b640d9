"""`fakesweep health` tells by its status whether a worker or a scheduler is well."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sqlalchemy import update

from cli.main import COMMANDS
from db.clock import db_now
from db.schedulers import say_scheduling
from db.session import Database
from db.tables import SchedulerRow, WorkerRow
from db.workers import say_alive
from tests.services import ValkeyServer

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(sys.executable).with_name("fakesweep")
GONE = "postgresql+psycopg://nobody@/nothing?host=/nowhere"


def ask(part: str, *options: str, **settings: str) -> tuple[int, str]:
    """Its status, and what it says."""
    environ = {**os.environ, **{f"FAKESWEEP_{name}": value for name, value in settings.items()}}
    answer = subprocess.run(
        [PROGRAM, "health", part, *options], env=environ, capture_output=True, text=True, check=False
    )
    return answer.returncode, answer.stderr


def show_life(database: Database, host: str) -> None:
    """A worker and a scheduler on this host live."""
    with database.begin() as session:
        say_alive(session, name=host, host=host, pid=1, queues="bulk", concurrency=1)
        say_scheduling(session, name=host, host=host, pid=1)


@pytest.mark.slow
def test_health_is_a_sign_of_life_on_this_host(
    database: Database, empty_database_url: str, valkey: ValkeyServer
) -> None:
    """Another host's does not count, nor one that is old by the database's clock."""
    settings = {"DATABASE_URL": empty_database_url, "BROKER_URL": valkey.url}
    show_life(database, "another-host")
    before = [ask(part, **settings) for part in ("worker", "scheduler")]
    show_life(database, socket.gethostname())
    living = [ask(part, **settings) for part in ("worker", "scheduler")]
    with database.begin() as session:
        for table in (WorkerRow, SchedulerRow):
            session.execute(update(table).values(seen_at=db_now() - 120.0))
    after = [ask(part, "--live", **settings) for part in ("worker", "scheduler")]

    assert [status for status, _ in before] == [1, 1]
    assert "sign of life" in before[0][1]
    assert [status for status, _ in living] == [0, 0], living
    assert [status for status, _ in after] == [1, 1]


@pytest.mark.slow
def test_what_a_restart_cannot_mend_kills_nobody() -> None:
    """Without the database a worker is not ready, and not to be killed for it; a server that is gone is."""
    assert ask("worker", DATABASE_URL=GONE)[0] == 1
    assert ask("worker", "--live", DATABASE_URL=GONE)[0] == 0
    assert ask("serve", "--live", "--url", "http://127.0.0.1:1")[0] == 1
    assert ask("serve", "--url", "file:///etc/passwd")[0] == 2


def test_containers_ask_for_their_own_health() -> None:
    """Each service of ours is asked for what it is, by a command that there is."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

    for name in ("scheduler", "worker"):
        assert services[name]["healthcheck"]["test"] == ["CMD", "fakesweep", "health", name]
        assert services[name]["healthcheck"]["retries"] == 3
    assert "health" in COMMANDS
