"""How a scan ends, by what the pipeline said and what the operator wants."""

import pytest
import redis

from db.steering import cancel_scans
from db.tables import Entry
from tests.integration.worker.installation import Installation
from tests.services import ValkeyServer, wait_until
from worker.app import count_messages

pytestmark = pytest.mark.slow


def test_each_error_ends_in_its_own_state(installation: Installation) -> None:
    """The file's fault is unreadable, ours or the machine's is failed, and each has its reason."""
    names = ["unreadable-1", "transient-2", "bundle-3", "memory-4", "defect-5", "quick-6"]
    ids = installation.submit(names)
    installation.start_worker()

    with installation.scheduler():
        installation.wait_states(unreadable=1, failed=4, judged=1)

    scans = [installation.scan(scan_id) for scan_id in ids]
    assert [scan.reason for scan in scans] == [
        "not_a_video",
        "disk_full",
        "classifier_unavailable",
        "memory_limit",
        "internal_error",
        None,
    ]
    assert scans[0].detail == "it is text"
    assert scans[5].score_mean == 0.9


def test_a_duplicate_delivery_does_nothing(installation: Installation) -> None:
    """However often a scan's id is delivered, one worker judges it."""
    (scan_id,) = installation.submit(["slow-1"])
    installation.start_worker()

    for _ in range(5):
        installation.send(scan_id)
    installation.wait_states(judged=1)
    installation.send(scan_id)
    wait_until(lambda: count_messages(installation.app) == 0, what="an empty queue")

    assert len(installation.begun("slow-1")) == 1
    assert installation.scan(scan_id).attempts == 1


def test_forged_messages_do_nothing(installation: Installation, valkey: ValkeyServer) -> None:
    """Whoever writes to the broker can make a worker drop messages, and nothing else."""
    installation.submit(["quick-1"])
    installation.start_worker()
    send = installation.app.send_task

    for arguments in ((), ("1",), (True,), (-1,), (2**70,), (1.0,), ([1],), (1, 2), ({"a": "b"},), (987654,)):
        send("fakesweep.scan_video", args=arguments, queue="interactive")
    send("fakesweep.scan_video", kwargs={"scan_id": 1}, queue="interactive")
    send("os.system", args=("true",), queue="interactive")
    with redis.Redis(port=valkey.port) as client:
        client.lpush("fakesweep:interactive", b"no JSON", b"{}", b'{"body": 1}')
    with installation.scheduler():
        installation.wait_states(judged=1)
    wait_until(lambda: count_messages(installation.app) == 0, what="an empty queue")

    assert installation.workers[0].poll() is None


def test_a_cancelled_scan_stops_between_frames(installation: Installation) -> None:
    """The operator's wish reaches a running scan, which ends as cancelled."""
    (scan_id,) = installation.submit(["hold-1"])
    installation.start_worker(concurrency=1)

    with installation.scheduler():
        installation.wait_begun("hold-1")
        with installation.database.begin() as session:
            entry = session.query(Entry).filter_by(scan_id=scan_id).one()
            cancel_scans(session, entry.batch_id)
        installation.wait_states(cancelled=1)

    assert installation.scan(scan_id).reason == "cancelled"


def test_the_interactive_queue_goes_first(installation: Installation) -> None:
    """What a person waits for is taken before an archive, even when it came later."""
    bulk = installation.submit([f"quick-{number}" for number in range(5)])
    urgent = installation.submit(["quick-urgent"], priority="interactive")
    for scan_id in bulk:
        installation.send(scan_id)
    installation.send(urgent[0], "interactive")

    installation.start_worker(concurrency=1)
    installation.wait_states(judged=6)

    begun = [line.split()[0] for line in installation.diary.read_text().splitlines()]
    assert begun[0] == "quick-urgent"


def test_a_scan_that_hears_nothing_keeps_its_lease(installation: Installation) -> None:
    """The lease is renewed whatever the judging is doing: a slow scan is never taken away."""
    (scan_id,) = installation.submit(["deaf-1"])
    installation.start_worker(concurrency=1)

    with installation.scheduler():
        installation.wait_begun("deaf-1")
        first = installation.scan(scan_id).lease_expires_at
        # Twice the lease's length.
        wait_until(lambda: (installation.scan(scan_id).lease_expires_at or 0) > (first or 0) + 4, what="renewals")

    scan = installation.scan(scan_id)
    assert (scan.state, scan.attempts, scan.losses, scan.stage) == ("running", 1, 0, "decode")
