"""How a worker ends: its scans are finished or handed back within the time of grace, and no process is left."""

import signal

import psutil
import pytest

from db.workers import live_workers
from tests.integration.worker.installation import Installation
from tests.services import wait_until

pytestmark = pytest.mark.slow


def test_a_stopping_worker_hands_back_what_it_cannot_finish(installation: Installation) -> None:
    """After the time of grace a scan is queued again as if never begun."""
    (scan_id,) = installation.submit(["hold-1"])
    worker = installation.start_worker()
    installation.send(scan_id)
    installation.wait_begun("hold-1")

    worker.send_signal(signal.SIGTERM)
    status = worker.wait(30)

    scan = installation.scan(scan_id)
    assert (status, scan.state, scan.attempts, scan.losses) == (0, "queued", 0, 0)


def test_a_stopping_worker_finishes_what_it_can(installation: Installation) -> None:
    """Within the time of grace a scan goes on to its verdict."""
    (scan_id,) = installation.submit(["hold-1"])
    worker = installation.start_worker()
    installation.send(scan_id)
    installation.wait_begun("hold-1")

    worker.send_signal(signal.SIGTERM)
    (installation.folder / "hold-1").touch()
    status = worker.wait(30)

    assert (status, installation.scan(scan_id).state) == (0, "judged")


def test_a_signal_to_every_process_of_the_worker_costs_no_scan(installation: Installation) -> None:
    """Service managers signal the whole group: the pool's processes wait for what the main one decides."""
    (scan_id,) = installation.submit(["hold-1"])
    worker = installation.start_worker()
    installation.send(scan_id)
    installation.wait_begun("hold-1")

    for process in [*psutil.Process(worker.pid).children(), psutil.Process(worker.pid)]:
        process.send_signal(signal.SIGTERM)
    status = worker.wait(30)

    scan = installation.scan(scan_id)
    assert (status, scan.state, scan.losses) == (0, "queued", 0)


def test_a_killed_worker_leaves_no_process(installation: Installation) -> None:
    """The pool's processes end with their worker, however it ended."""
    (scan_id,) = installation.submit(["deaf-1"])
    worker = installation.start_worker()
    installation.send(scan_id)
    child = psutil.Process(installation.wait_begun("deaf-1"))

    worker.kill()
    worker.wait()

    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="its end")


def test_a_worker_is_known_while_it_lives(installation: Installation) -> None:
    """The table of workers names it with its queues and processes, and forgets it when it stops."""

    def workers() -> list[tuple[int, str, int]]:
        with installation.database.read() as session:
            return [(worker.pid, worker.queues, worker.concurrency) for worker in live_workers(session)]

    worker = installation.start_worker(concurrency=2)
    wait_until(lambda: workers() != [], what="the worker")
    known = workers()
    wait_until(lambda: "is ready" in installation.log.read_text(), what="the worker")
    worker.send_signal(signal.SIGINT)
    worker.wait(30)

    assert known == [(worker.pid, "interactive,bulk", 2)]
    assert workers() == []
