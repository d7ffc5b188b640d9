"""How a scan ends, by what the pipeline said and what the operator wants."""

import base64
import json
import pickle
import zlib
from pathlib import Path

import psutil
import pytest
import redis

from db.steering import cancel_scans
from db.tables.batches import Entry
from tests.integration.worker.installation import Installation
from tests.services import ValkeyServer, wait_until
from worker.app import count_messages
from worker.messages import make_message

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


def test_wishes_in_a_message_are_not_heard(installation: Installation, valkey: ValkeyServer) -> None:
    """A forged message for a real scan sets no time limit, no start in the far future, and no task to call next."""
    (scan_id,) = installation.submit(["slow-1"])
    installation.start_worker(concurrency=1)

    installation.app.send_task(
        "fakesweep.scan_video",
        args=(scan_id,),
        queue="interactive",
        time_limit=0.2,
        soft_time_limit=0.1,
        retries=3,
        link=installation.app.signature("os.system", args=("true",)),
    )
    installation.wait_states(judged=1)
    installation.app.send_task("fakesweep.scan_video", args=(scan_id,), queue="interactive", countdown=10**8)
    wait_until(lambda: count_messages(installation.app) == 0, what="an empty queue")

    scan = installation.scan(scan_id)
    assert (scan.state, scan.attempts, scan.losses) == ("judged", 1, 0)
    with redis.Redis(port=valkey.port) as client:
        wait_until(lambda: client.hlen("fakesweep:unacked") == 0, what="no message that waits for its time")


@pytest.mark.parametrize("kind", ["pickle", "yaml", "bomb", "huge", "deep"])
def test_messages_of_other_kinds_are_dropped(installation: Installation, valkey: ValkeyServer, kind: str) -> None:
    """Pickle runs code, YAML makes objects, a compressed body is a bomb: none is opened, and the worker goes on."""
    trap = installation.folder / "trap"
    installation.submit(["quick-1"])
    installation.start_worker(concurrency=1)

    with redis.Redis(port=valkey.port) as client:
        client.lpush("fakesweep:interactive", *_traps(kind, trap))
    with installation.scheduler():
        installation.wait_states(judged=1)
    wait_until(lambda: installation.log.read_text().count("dropped what is no message of ours") >= 1, what="the drop")

    assert not trap.exists()
    assert installation.workers[0].poll() is None
    assert psutil.Process(installation.workers[0].pid).memory_info().rss < 400_000_000


class _Trap:
    """Touches a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._path,)


def _traps(kind: str, trap: Path) -> list[bytes]:
    body = {
        "pickle": pickle.dumps([[_Trap(trap)], {}, {}]),
        "yaml": f"!!python/object/apply:os.mknod ['{trap}']".encode(),
        "bomb": zlib.compress(b"[[1], {}, {}]" + b" " * 200_000_000),
    }.get(kind, b"")
    if kind == "huge":
        return [b'{"body": "' + b"x" * 5_000_000 + b'"}']
    if kind == "deep":
        return [b"[" * 16_000, b'{"body":' * 2_000 + b"1" + b"}" * 2_000]
    types = {"pickle": "application/x-python-serialize", "yaml": "application/x-yaml", "bomb": "application/json"}
    message = make_message(1, queue="interactive")
    message["body"] = base64.b64encode(body).decode()
    message["content-type"] = types[kind]
    message["content-encoding"] = "binary"
    message["headers"]["compression"] = "application/x-gzip" if kind == "bomb" else None
    return [json.dumps(message).encode()]


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
