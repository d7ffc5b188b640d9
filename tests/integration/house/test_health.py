"""`fakesweep health` tells by its status whether a worker or a scheduler is well."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sqlalchemy import update

from cli.health_parts import RunningPart, part_of
from cli.main import COMMANDS
from db.clock import db_now
from db.schedulers import say_scheduling
from db.session import Database
from db.tables.crew import SchedulerRow, WorkerRow
from db.workers import say_alive
from tests.services import ValkeyServer, free_port, wait_until

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(sys.executable).with_name("fakesweep")
GONE = "postgresql+psycopg://nobody@/nothing?host=/nowhere"


def ask(*options: str, **settings: str) -> tuple[int, str]:
    """Its status, and what it says."""
    environ = {**os.environ, **{f"FAKESWEEP_{name}": value for name, value in settings.items()}}
    answer = subprocess.run([PROGRAM, "health", *options], env=environ, capture_output=True, text=True, check=False)
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

    for name, part in (("scheduler", "scheduler"), ("worker", "worker"), ("web", "serve")):
        assert services[name]["healthcheck"]["test"] == ["CMD", "fakesweep", "health", part]
        assert services[name]["healthcheck"]["retries"] == 3
    assert "health" in COMMANDS


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (["/usr/bin/python3", "/opt/fakesweep/bin/fakesweep", "worker", "--concurrency", "2"], RunningPart("worker")),
        (["python", "-P", "-m", "cli.main", "scheduler"], RunningPart("scheduler")),
        (["fakesweep", "serve"], RunningPart("serve", "http://127.0.0.1:8000")),
        (["fakesweep", "serve", "--host", "0.0.0.0", "--port", "81"], RunningPart("serve", "http://127.0.0.1:81")),  # noqa: S104 - a command line
        (["fakesweep", "serve", "--port=82"], RunningPart("serve", "http://127.0.0.1:82")),
        (["fakesweep", "serve", "--host=192.0.2.7", "--port=82"], RunningPart("serve", "http://192.0.2.7:82")),
        (["fakesweep", "serve", "--host", "::"], RunningPart("serve", "http://[::1]:8000")),
        (["fakesweep", "serve", "--host", "fd00::7"], RunningPart("serve", "http://[fd00::7]:8000")),
        (["python3.12", "-X", "dev", "/bin/fakesweep", "worker"], RunningPart("worker")),
        (["docker", "run", "--rm", "fakesweep", "worker"], None),
        (["python3", "-m", "pdb", "fakesweep", "worker"], None),
        (["python3", "-c", "fakesweep", "worker"], None),
        (["python3"], None),
        (["fakesweep", "scan", "worker"], None),
        (["fakesweep", "health", "worker"], None),
        (["tini", "--", "fakesweep"], None),
        (["vi", "worker"], None),
        ([], None),
    ],
)
def test_a_part_is_known_by_its_command_line(command: list[str], part: RunningPart | None) -> None:
    """However it was started; no other command is taken for one."""
    assert part_of(command) == part


@pytest.mark.slow
def test_a_container_looks_after_what_it_runs(tmp_path: Path) -> None:
    """Nothing of ours is well; a server is well when it answers, and not when it has been frozen."""
    home, port = {"HOME": str(tmp_path)}, free_port()
    nothing = ask("--live", **home)
    server = subprocess.Popen(
        [PROGRAM, "serve", "--port", str(port), "--workers", "0"],
        env={**os.environ, "FAKESWEEP_HOME": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: ask("--live", **home) == (0, "serve: ok\n"), what="the server")
        server.send_signal(signal.SIGSTOP)
        frozen = ask("--live", **home)
        elsewhere = ask("--live", "--url", "http://127.0.0.1:1", **home)
    finally:
        server.send_signal(signal.SIGCONT)
        server.terminate()
        server.wait(60)

    assert nothing == (0, "ok: neither worker nor scheduler nor server runs here\n")
    assert elsewhere[0] == 1
    assert "http://127.0.0.1:1/health/live does not answer well" in elsewhere[1]
    assert frozen[0] == 1
    assert f"http://127.0.0.1:{port}/health/live does not answer well" in frozen[1]
