"""A worker beside a command lives as long as the command."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from db.schema import upgrade_database
from db.session import open_database
from db.workers import live_workers
from scheduler import local_workers
from scheduler.local_workers import LocalWorker, LocalWorkerError
from tests.services import wait_until
from worker.app import TASK_NAME, make_app
from worker.broker import use_broker
from worker.settings import Settings, read_settings

pytestmark = pytest.mark.slow

COMMAND = """
import sys
from scheduler.local_workers import LocalWorker
from worker.settings import read_settings
with LocalWorker(read_settings(), concurrency=2, queues=("interactive", "bulk")):
    print("started", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An embedded installation with its tables."""
    monkeypatch.setenv("FAKESWEEP_HOME", str(tmp_path))
    made = read_settings(os.environ)
    database = open_database(made.effective_database_url)
    upgrade_database(database)
    database.dispose()
    return made


def workers(settings: Settings) -> list[int]:
    """The processes of the workers that say they live."""
    database = open_database(settings.effective_database_url)
    try:
        with database.read() as session:
            return [worker.pid for worker in live_workers(session)]
    finally:
        database.dispose()


def everything(settings: Settings, worker_pid: int) -> list[psutil.Process]:
    """The worker, its pool, and the embedded broker."""
    worker = psutil.Process(worker_pid)
    broker = [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(settings.home / "broker") == part for part in process.info["cmdline"] or ())
    ]
    return [worker, *worker.children(recursive=True), *broker]


def have_ended(processes: list[psutil.Process]) -> bool:
    """Whether all are gone or only wait to be asked for."""
    return all(not process.is_running() or process.status() == psutil.STATUS_ZOMBIE for process in processes)


def test_the_worker_stops_with_its_context(settings: Settings) -> None:
    """Leaving the context stops the worker, its pool and the broker that it alone used."""
    with LocalWorker(settings, concurrency=1, queues=("interactive", "bulk")) as worker:
        wait_until(lambda: workers(settings) != [], what="the worker")
        wait_until(lambda: "is ready" in worker.log.read_text(), what="the worker")
        processes = everything(settings, workers(settings)[0])
        worker.check()

    wait_until(lambda: have_ended(processes), what="the end of all")
    assert len(processes) >= 3
    assert workers(settings) == []


def test_the_worker_dies_with_a_killed_command(settings: Settings) -> None:
    """SIGKILL to the command leaves no worker, no pool, no broker."""
    with subprocess.Popen([sys.executable, "-c", COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as command:
        wait_until(lambda: workers(settings) != [], what="the worker")
        wait_until(lambda: "is ready" in (settings.home / "worker.log").read_text(), what="the worker")
        processes = everything(settings, workers(settings)[0])
        command.kill()
        wait_until(lambda: have_ended(processes), what="the end of all")

    assert len(processes) >= 4


def test_a_worker_that_cannot_start_says_why(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command learns of it, with the worker's last line."""
    monkeypatch.setenv("FAKESWEEP_CONCURRENCY", "many")

    with LocalWorker(settings, concurrency=1, queues=("bulk",)) as worker:

        def has_complained() -> bool:
            try:
                worker.check()
            except LocalWorkerError as error:
                return "FAKESWEEP_CONCURRENCY must be a whole number" in str(error)
            return False

        wait_until(has_complained, what="its complaint")


def test_a_long_log_is_turned_over_under_a_running_worker(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a worker runs, its log and the one before stay bounded, and it goes on writing into the new one."""
    with LocalWorker(settings, concurrency=1, queues=("interactive", "bulk")) as worker:
        wait_until(lambda: "is ready" in worker.log.read_text(), what="the worker")
        before = worker.log.read_text()
        with monkeypatch.context() as patched:
            patched.setattr(local_workers, "LOG_LIMIT_BYTES", len(before) - 1)
            worker.check()
        kept, emptied = worker.log.with_suffix(".log.1").read_text(), worker.log.stat().st_size
        with use_broker(settings) as broker:
            make_app(broker.url, settings).send_task(TASK_NAME, args=("no scan",), queue="bulk")
            wait_until(lambda: "no message of ours" in worker.log.read_text(), what="a line in the new log")

    assert (kept, emptied) == (before, 0)
    # Not behind a hole as long as the old one.
    assert worker.log.read_bytes()[:2] == b"20"
