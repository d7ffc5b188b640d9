"""The scheduler sends what waits, takes back what is lost, and survives what it depends on."""

import signal
import threading
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import update

from db.clock import db_now
from db.errors import DatabaseUnavailableError
from db.leases import claim_scan
from db.session import Database
from db.tables.crew import SweepRow
from db.tables.scans import Scan
from scheduler import reconcile
from scheduler.control import Retried, cancel_batch, retry_batch
from scheduler.dispatch import send_waiting
from scheduler.follow import Follower
from scheduler.reconcile import Reconciled, SweepPolicy, reconcile_once, run_scheduler
from tests.seeding import expire_lease, read_scan, scan_ids, seed_batch, seed_classifier
from tests.services import ValkeyServer
from worker.app import count_messages, make_app
from worker.broker import BrokerError
from worker.sending import send_scans
from worker.settings import Settings


class FakeBroker:
    """Remembers what was sent, and refuses everything while it is away."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, str]] = []
        self.is_away = False

    def send(self, scan_ids: Sequence[int], queue: str) -> None:
        """Takes messages."""
        if self.is_away:
            raise ConnectionError("the broker is away")
        self.sent += [(scan_id, queue) for scan_id in scan_ids]

    def is_empty(self) -> bool:
        """Whether all messages were taken."""
        if self.is_away:
            raise ConnectionError("the broker is away")
        return not self.sent


@pytest.fixture
def broker() -> FakeBroker:
    """An empty broker."""
    return FakeBroker()


def _swept(database: Database) -> None:
    """Lets a scheduler have swept a moment ago."""
    with database.begin() as session:
        session.add(SweepRow(id=1, swept_at=0.0, grace_until=0.0))
        session.flush()
        session.execute(update(SweepRow).values(swept_at=db_now()))


def test_what_waits_is_sent_once(database: Database, broker: FakeBroker) -> None:
    """Every waiting scan is sent, the interactive ones first, and a second call sends nothing."""
    classifier_id = seed_classifier(database)
    bulk = sorted(scan_ids(database, seed_batch(database, classifier_id, ["a", "b"])))
    fast = scan_ids(database, seed_batch(database, classifier_id, ["c"], priority="interactive"))

    assert (send_waiting(database, broker.send), send_waiting(database, broker.send)) == (3, 0)
    assert broker.sent == [(fast[0], "interactive"), (bulk[0], "bulk"), (bulk[1], "bulk")]


def test_refused_messages_are_sent_later(database: Database, broker: FakeBroker) -> None:
    """What the broker did not take is not marked as sent."""
    ids = sorted(scan_ids(database, seed_batch(database, seed_classifier(database), ["a", "b"])))
    broker.is_away = True
    with pytest.raises(ConnectionError):
        send_waiting(database, broker.send)
    broker.is_away = False

    assert send_waiting(database, broker.send) == 2
    assert [scan_id for scan_id, _ in broker.sent] == ids


def test_emptied_broker_is_filled_again(database: Database, broker: FakeBroker) -> None:
    """Scans whose messages the broker lost are sent again, but not while messages wait or are fresh."""
    scan_id = scan_ids(database, seed_batch(database, seed_classifier(database), ["a"]))[0]
    _swept(database)
    reconcile_once(database, broker.send, queue_is_empty=broker.is_empty)
    broker.sent.clear()
    fresh = reconcile_once(database, broker.send, queue_is_empty=broker.is_empty)
    with database.begin() as session:
        session.execute(update(Scan).values(sent_at=db_now() - 11))
    crowded = reconcile_once(database, broker.send, queue_is_empty=lambda: False)
    again = reconcile_once(database, broker.send, queue_is_empty=broker.is_empty)

    assert (fresh, crowded) == (Reconciled(), Reconciled())
    assert again == Reconciled(resent=1, sent=1)
    assert broker.sent == [(scan_id, "bulk")]


def test_lost_scan_is_sent_in_the_same_sweep(database: Database, broker: FakeBroker) -> None:
    """A scan taken back from a lost worker is on its way to another one at once."""
    scan_id = scan_ids(database, seed_batch(database, seed_classifier(database), ["a"]))[0]
    _swept(database)
    with database.begin() as session:
        claim_scan(session, scan_id, worker="w", lease_s=20, alone=False)
        expire_lease(session, scan_id)
    done = reconcile_once(database, broker.send, queue_is_empty=broker.is_empty)

    assert done == Reconciled(requeued=1, sent=1)
    assert broker.sent == [(scan_id, "bulk")]


def test_two_schedulers_take_each_scan_back_once(database: Database) -> None:
    """Schedulers that sweep at once neither double nor lose a scan, and count one loss each."""
    ids = scan_ids(database, seed_batch(database, seed_classifier(database), [f"v{n}" for n in range(30)]))
    _swept(database)
    with database.begin() as session:
        for scan_id in ids:
            claim_scan(session, scan_id, worker="w", lease_s=20, alone=False)
            expire_lease(session, scan_id)
    brokers = [FakeBroker() for _ in range(3)]

    def sweep_often(broker: FakeBroker) -> None:
        for _ in range(3):
            reconcile_once(database, broker.send, queue_is_empty=broker.is_empty)

    threads = [threading.Thread(target=sweep_often, args=(broker,)) for broker in brokers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    sent = Counter(scan_id for broker in brokers for scan_id, _ in broker.sent)
    assert sent == Counter(ids)
    assert {read_scan(database, scan_id).losses for scan_id in ids} == {1}


def test_scheduler_outlives_its_database_and_broker(
    database: Database, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While something is away it waits longer and longer, says so, and goes on when it is back."""
    scan_id = scan_ids(database, seed_batch(database, seed_classifier(database), ["a"]))[0]
    broker.is_away = True
    pauses: list[float] = []
    troubles: list[str] = []
    sweeps: list[Reconciled] = []
    real = reconcile.take_back_lost

    def unavailable(*_arguments: object, **_options: object) -> None:
        raise DatabaseUnavailableError("the database is away")

    def pause(wait_s: float) -> bool:
        pauses.append(wait_s)
        if len(pauses) == 2:
            broker.is_away = False
            monkeypatch.setattr(reconcile, "take_back_lost", unavailable)
        if len(pauses) == 3:
            monkeypatch.setattr(reconcile, "take_back_lost", real)
        return len(pauses) == 4

    run_scheduler(
        database,
        broker.send,
        queue_is_empty=broker.is_empty,
        pause=pause,
        policy=SweepPolicy(sweep_s=4.0),
        on_sweep=sweeps.append,
        on_trouble=lambda error: troubles.append(str(error)),
    )

    assert pauses[:3] == [1.0, 2.0, 4.0]
    assert pauses[3] <= 4.0
    assert troubles == ["the broker is away", "the broker is away", "the database is away"]
    assert sweeps == [Reconciled(sent=1)]
    assert broker.sent == [(scan_id, "bulk")]


def test_leases_are_ended_while_the_broker_is_away(database: Database, broker: FakeBroker) -> None:
    """The broker is asked less and less often, and the leases are not: a long pause would make them prove nothing."""
    scan_id = scan_ids(database, seed_batch(database, seed_classifier(database), ["a"]))[0]
    _swept(database)
    broker.is_away = True
    pauses: list[float] = []
    troubles: list[Exception] = []

    def pause(wait_s: float) -> bool:
        pauses.append(wait_s)
        if len(pauses) == 3:
            with database.begin() as session:
                assert claim_scan(session, scan_id, worker="w", lease_s=60.0, alone=False)
                expire_lease(session, scan_id)
        return len(pauses) == 6

    policy = SweepPolicy(sweep_s=1.0)
    run_scheduler(
        database,
        broker.send,
        queue_is_empty=broker.is_empty,
        pause=pause,
        policy=policy,
        on_trouble=troubles.append,
    )

    assert pauses == [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert len(troubles) == 3
    assert (read_scan(database, scan_id).state, read_scan(database, scan_id).losses) == ("queued", 1)


def test_a_frozen_broker_holds_up_no_sweep(database: Database, valkey: ValkeyServer, tmp_path: Path) -> None:
    """A broker that is there and says nothing counts as away: leases end meanwhile, and what waits is sent later."""
    valkey.flush()
    lost, waiting = scan_ids(database, seed_batch(database, seed_classifier(database), ["a", "b"]))
    app = make_app(valkey.url, Settings(home=tmp_path))
    _swept(database)
    with database.begin() as session:
        assert claim_scan(session, lost, worker="w", lease_s=60.0, alone=False)
        expire_lease(session, lost)

    def sweep() -> Reconciled:
        return reconcile_once(
            database, partial(send_scans, app), queue_is_empty=lambda: count_messages(app) == 0, policy=SweepPolicy()
        )

    assert valkey.process is not None
    valkey.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(BrokerError, match="does not answer"):
            sweep()
        with pytest.raises(BrokerError, match="does not answer"):
            send_waiting(database, partial(send_scans, app))
    finally:
        valkey.process.send_signal(signal.SIGCONT)
    after = read_scan(database, lost)
    sent = sweep().sent
    valkey.flush()

    assert (after.state, after.losses) == ("queued", 1)
    assert sent == 2
    assert read_scan(database, waiting).sent_at is not None


def test_cancelled_batch_can_be_tried_again(database: Database, broker: FakeBroker) -> None:
    """A cancelled batch is sent no more, and a retry of what was cancelled sends it again."""
    batch_id = seed_batch(database, seed_classifier(database), ["a", "b"], unread=1)
    cancelled = cancel_batch(database, batch_id)
    nothing = send_waiting(database, broker.send)
    retried = retry_batch(database, batch_id, ["cancelled", "unreadable"])

    assert (cancelled.ended, nothing) == (2, 0)
    assert retried == Retried(requeued=2, without_content=1)
    assert send_waiting(database, broker.send) == 2


def test_follower_sees_the_batch_move(database: Database) -> None:
    """A look tells counts and what runs; two looks tell a rate and the time left."""
    batch_id = seed_batch(database, seed_classifier(database), ["a", "b", "c"], unread=1)
    first, second, _ = scan_ids(database, batch_id)
    moments = iter([0.0, 2.0])
    follower = Follower(database, batch_id, clock=lambda: next(moments))
    before = follower.look()
    with database.begin() as session:
        claim_scan(session, first, worker="w1", lease_s=20, alone=False)
        session.execute(update(Scan).where(Scan.id == second).values(state="no_face", finished_at=db_now()))
    after = follower.look()

    assert (before.progress.finished, before.rate_per_s, before.eta_s) == (1, None, None)
    assert (after.progress.finished, after.rate_per_s) == (2, 0.5)
    assert [(scan.worker, scan.progress) for scan in after.running] == [("w1", 0.0)]
    # The batch was never completed, so nobody knows how much is still to come.
    assert after.eta_s is None
