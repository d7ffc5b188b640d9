"""What one scan costs database and broker, in statements, transactions and commands."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, event

from db.leases import Claim
from db.session import Database
from tests.seeding import read_scan, scan_ids, seed_batch, seed_classifier
from tests.services import ValkeyServer
from worker.app import QUEUES, count_messages, make_app
from worker.broker import BrokerError
from worker.heartbeat import Heartbeat
from worker.messages import read_message
from worker.pipeline.results import STAGES, Box, FaceResult, FrameResult, ScanResult, TrackResult, VideoFacts
from worker.sending import send_scans
from worker.settings import Settings
from worker.storage import Storage
from worker.tasks import Bench, run_scan


def _sixteen_faces(_claim: Claim, heartbeat: Heartbeat) -> ScanResult:
    """What a short video of one person comes to."""
    for stage in STAGES:
        heartbeat.report(stage, 1.0)
    face = FaceResult(Box(1, 2, 64, 64), detection=0.9, logit=-1.0, score=0.2, track=0)
    return ScanResult(
        VideoFacts("mov,mp4", "h264", 640, 480, 0, 16.0, 25.0, 0.0, 0, (), 1000),
        frames=tuple(FrameResult(float(number), 0.2, (face,)) for number in range(16)),
        tracks=(TrackResult(0, 16, 0.2),),
        scores=dict.fromkeys(("mean", "top-k", "confident", "max-track"), 0.2),
        runtime="fake",
    )


@contextmanager
def _counted() -> Iterator[Counter[str]]:
    """Statements, transactions, and connections made, of every engine."""
    counts: Counter[str] = Counter()

    def on_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            counts["statements"] += 1

    def on_commit(_connection: Any) -> None:
        counts["transactions"] += 1

    def on_connection(*_: Any) -> None:
        counts["connections"] += 1

    listeners = {"before_cursor_execute": on_statement, "commit": on_commit, "engine_connect": on_connection}
    for name, listener in listeners.items():
        event.listen(Engine, name, listener)
    try:
        yield counts
    finally:
        for name, listener in listeners.items():
            event.remove(Engine, name, listener)


def test_a_scan_is_two_transactions(database: Database, empty_database_url: str, tmp_path: Path) -> None:
    """One that claims and one that saves, of as few statements as the database allows, and none between."""
    ids = scan_ids(database, seed_batch(database, seed_classifier(database), ["a", "b", "c"]))
    settings = Settings(home=tmp_path, is_evidence_kept=False)
    bench = Bench(settings, "worker-1", tmp_path, Storage(empty_database_url), _sixteen_faces)
    run_scan(ids[0], bench)

    with _counted() as counts:
        for scan_id in ids[1:]:
            run_scan(scan_id, bench)
    bench.storage.close()

    assert [read_scan(database, scan_id).state for scan_id in ids] == ["judged"] * 3
    each = {name: count / 2 for name, count in counts.items()}
    assert each == {"statements": 6 if database.is_sqlite else 2, "transactions": 2, "connections": 2}


@pytest.fixture
def broker(valkey: ValkeyServer) -> Iterator[ValkeyServer]:
    """An empty broker."""
    valkey.flush()
    yield valkey
    valkey.flush()


def test_many_ids_are_one_command(broker: ValkeyServer, tmp_path: Path) -> None:
    """However many are sent, the broker hears one command; a worker takes them in the order in which they were sent."""
    app = make_app(broker.url, Settings(home=tmp_path))
    with redis.Redis.from_url(broker.url) as client:
        client.config_resetstat()
        send_scans(app, range(1, 501), "bulk")
        send_scans(app, [], "bulk")
        pushes = client.info("commandstats")["cmdstat_lpush"]["calls"]
        taken = [client.brpop("fakesweep:bulk")[1] for _ in range(500)]

    assert pushes == 1
    assert [read_message(message)["headers"]["argsrepr"] for message in taken] == [f"({n},)" for n in range(1, 501)]
    assert count_messages(app) == 0


def test_a_broker_that_is_away_is_named(broker: ValkeyServer, tmp_path: Path) -> None:
    """The sender hears that nothing was taken, and of which broker; once it is back, the same app sends again."""
    app = make_app(broker.url, Settings(home=tmp_path))
    send_scans(app, [1], "bulk")
    broker.stop()
    try:
        with pytest.raises(BrokerError, match="does not answer"):
            send_scans(app, [2, 3], "bulk")
    finally:
        broker.start()

    send_scans(app, [2, 3], "interactive")
    assert count_messages(app, ["interactive"]) == 2


def test_only_our_queues_are_sent_to(tmp_path: Path) -> None:
    """A wrong name is refused before anything is sent."""
    app = make_app("redis://127.0.0.1:1/0", Settings(home=tmp_path))

    with pytest.raises(ValueError, match=", ".join(QUEUES)):
        send_scans(app, [1], "urgent")
