"""An installation for tests: a database, a broker, a scheduler in a thread, and workers as real processes."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from sqlalchemy import select

from db.errors import DatabaseUnavailableError
from db.session import Database
from db.tables.scans import Scan
from scheduler.reconcile import SweepPolicy, run_scheduler
from tests.seeding import read_scan, scan_ids, seed_batch, seed_classifier
from tests.services import wait_until
from tests.threads import beside
from worker.app import count_messages, make_app
from worker.broker import BrokerError
from worker.sending import send_scans
from worker.settings import read_settings

FAKE_WORKER = Path(__file__).with_name("fake_worker.py")
POLICY = SweepPolicy(sweep_s=0.2, gap_s=10.0, grace_s=1.0, resend_after_s=1.0)


@dataclass
class Installation:
    """Short leases, a diary of what was begun, and every process that was started."""

    folder: Path
    database: Database
    database_url: str
    broker_url: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.environment = {
            "FAKESWEEP_HOME": str(self.folder / "home"),
            "FAKESWEEP_DATABASE_URL": self.database_url,
            "FAKESWEEP_BROKER_URL": self.broker_url,
            "FAKESWEEP_LEASE_S": "2",
            "FAKESWEEP_HEARTBEAT_S": "0.5",
            "FAKESWEEP_GRACE_S": "1",
            "FAKESWEEP_MAX_ATTEMPTS": "1",
        }
        self.settings = read_settings(self.environment)
        self.app = make_app(self.broker_url, self.settings)
        self.diary = self.folder / "diary"
        self.log = self.folder / "log"
        self.log.touch()

    def submit(self, names: Sequence[str], *, priority: str = "bulk") -> list[int]:
        """Seeds scans of videos with these names; the scheduler sends them."""
        batch_id = seed_batch(self.database, seed_classifier(self.database), names, priority=priority)
        return scan_ids(self.database, batch_id)

    def send(self, scan_id: int, queue: str = "bulk") -> None:
        """Sends a message by hand."""
        self.send_all([scan_id], queue)

    def send_all(self, scan_ids: Sequence[int], queue: str) -> None:
        """Sends messages as the scheduler does."""
        send_scans(self.app, scan_ids, queue)

    def start_worker(self, *, concurrency: int = 2) -> subprocess.Popen[bytes]:
        """A worker in a session of its own."""
        with self.log.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, str(FAKE_WORKER), str(self.diary), str(concurrency)],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.workers.append(worker)
        return worker

    def kill_workers(self) -> None:
        """SIGKILL to every worker that lives; its processes go with it."""
        for worker in self.workers:
            children = _children(worker)
            worker.kill()
            worker.wait()
            wait_until(lambda: not any(map(_lives, children)), what="end of the pool's processes")  # noqa: B023 - called at once

    @contextmanager
    def scheduler(self) -> Iterator[None]:
        """A scheduler that sweeps several times a second."""

        def sweep(is_over: threading.Event) -> None:
            run_scheduler(
                self.database,
                self.send_all,
                queue_is_empty=lambda: count_messages(self.app) == 0,
                pause=is_over.wait,
                policy=POLICY,
                broker_errors=(BrokerError,),
            )

        with beside(sweep):
            yield

    def begun(self, name: str) -> list[int]:
        """The processes that began to judge this video."""
        lines = self.diary.read_text().splitlines() if self.diary.exists() else []
        return [int(pid) for begun, _, pid in (line.rpartition(" ") for line in lines) if begun == name]

    def states(self) -> Counter[str]:
        """How many scans are in which state."""
        with self.database.read() as session:
            return Counter(session.scalars(select(Scan.state)))

    def scan(self, scan_id: int) -> Scan:
        """A scan's row."""
        return read_scan(self.database, scan_id)

    @contextmanager
    def _log_at_the_end(self) -> Iterator[None]:
        """Where the wait was in vain, what the workers have written by then, and how those ended that have."""
        try:
            yield
        except TimeoutError as error:
            ends = {worker.pid: worker.poll() for worker in self.workers}
            raise TimeoutError(f"{error}; workers {ends}, with the log:\n{self.log.read_text()[-20_000:]}") from None

    def wait_begun(self, name: str, *, times: int = 1) -> int:
        """Waits until a video was begun so often; the process that is at it."""
        with self._log_at_the_end():
            wait_until(lambda: len(self.begun(name)) >= times, what=f"start {times} of {name}")
        return self.begun(name)[-1]

    def wait_judged(self, count: int) -> None:
        """Waits until at least so many scans have their verdicts."""
        with self._log_at_the_end():
            wait_until(lambda: self.states()["judged"] >= count, what=f"{count} verdicts")

    def wait_states(self, **states: int) -> None:
        """Waits until the scans are in these states, also where the database is away meanwhile."""

        def are_so() -> bool:
            try:
                return self.states() == states
            except DatabaseUnavailableError:
                return False

        with self._log_at_the_end():
            wait_until(are_so, what=f"{states}")


def kill(pid: int) -> None:
    """SIGKILL, as the kernel does it when memory runs out."""
    os.kill(pid, signal.SIGKILL)


def _children(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        return psutil.Process(worker.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
