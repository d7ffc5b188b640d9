"""What loses its worker is put back, and what the broker lost is sent again."""

import pytest
from sqlalchemy import update

from db.clock import db_now
from db.leases import claim_scan, note_loss, renew_lease
from db.reconciling import Sweep, count_under_way, forget_sent, mark_unsent, take_back_lost, take_unsent
from db.session import Database
from db.tables.crew import SweepRow
from db.tables.scans import Scan
from tests.seeding import expire_lease, read_scan, scan_ids, seed_batch, seed_classifier


def _sweep(database: Database) -> Sweep:
    with database.begin() as session:
        return take_back_lost(session, gap_s=15, grace_s=10)


@pytest.fixture
def scan_id(database: Database) -> int:
    """One queued scan, in a database that was swept a moment ago."""
    with database.begin() as session:
        session.add(SweepRow(id=1, swept_at=0.0, grace_until=0.0))
        session.flush()
        session.execute(update(SweepRow).values(swept_at=db_now()))
    return scan_ids(database, seed_batch(database, seed_classifier(database), ["a"]))[0]


def _lose(database: Database, scan_id: int) -> None:
    with database.begin() as session:
        claim = claim_scan(session, scan_id, worker="w1", lease_s=20, alone=True)
        assert claim is not None
        renew_lease(session, scan_id, claim.token, lease_s=20, stage="decode", progress=0.5)
        expire_lease(session, scan_id)


def test_live_lease_is_left_alone(database: Database, scan_id: int) -> None:
    """A scan whose worker renews is not touched."""
    with database.begin() as session:
        claim_scan(session, scan_id, worker="w1", lease_s=20, alone=False)

    assert _sweep(database) == Sweep()
    assert read_scan(database, scan_id).state == "running"


def test_lost_scan_waits_again_and_is_sent_again(database: Database, scan_id: int) -> None:
    """The scan of a lost worker is queued anew, with a note of the loss."""
    _lose(database, scan_id)

    assert _sweep(database) == Sweep(requeued=1)
    scan = read_scan(database, scan_id)
    assert (scan.state, scan.losses, scan.sent_at, scan.reason) == ("queued", 1, None, "worker_lost")
    assert scan.evidence == {
        "losses": [{"attempt": 1, "worker": "w1", "stage": "decode", "progress": 0.5, "alone": False}]
    }


def test_scan_lost_twice_runs_alone_and_then_is_quarantined(database: Database, scan_id: int) -> None:
    """Two losses make a suspect, a loss while alone condemns it, and nothing takes it back after that."""
    sweeps = []
    for _ in range(3):
        _lose(database, scan_id)
        sweeps.append(_sweep(database))

    assert sweeps == [Sweep(requeued=1), Sweep(requeued=1, suspects=1), Sweep(quarantined=1)]
    scan = read_scan(database, scan_id)
    assert (scan.state, scan.losses, scan.attempts) == ("quarantined", 3, 3)
    assert scan.detail == ("its worker was lost 3 times, the last time w1 in stage decode, while it ran alone")
    assert _sweep(database) == Sweep()


def test_lost_scan_that_shall_stop_is_cancelled(database: Database, scan_id: int) -> None:
    """A scan that an operator cancelled is not queued again when its worker dies."""
    _lose(database, scan_id)
    with database.begin() as session:
        session.execute(update(Scan).values(is_cancel_requested=True))

    assert _sweep(database) == Sweep(cancelled=1)
    assert read_scan(database, scan_id).state == "cancelled"


def test_after_an_outage_workers_may_renew_first(database: Database, scan_id: int) -> None:
    """When nobody could sweep for a while, a lease that ran out is no proof of death."""
    with database.begin() as session:
        claim = claim_scan(session, scan_id, worker="w1", lease_s=20, alone=False)
        assert claim is not None
        expire_lease(session, scan_id)
        session.execute(update(SweepRow).values(swept_at=db_now() - 600))

    assert _sweep(database) == Sweep(is_grace=True)
    assert _sweep(database) == Sweep(is_grace=True)
    with database.begin() as session:
        assert renew_lease(session, scan_id, claim.token, lease_s=20, stage=None, progress=None) == "held"
        session.execute(update(SweepRow).values(grace_until=db_now() - 1))
    assert _sweep(database) == Sweep()


def test_worker_known_to_be_dead_gets_no_grace(database: Database, scan_id: int) -> None:
    """A loss that the worker's own parent reported is believed at once."""
    with database.begin() as session:
        claim = claim_scan(session, scan_id, worker="w1", lease_s=20, alone=False)
        assert claim is not None
        note_loss(session, scan_id, claim.token, {"signal": 9})
        session.execute(update(SweepRow).values(swept_at=db_now() - 600))

    assert _sweep(database) == Sweep(requeued=1, is_grace=True)
    evidence = read_scan(database, scan_id).evidence
    assert evidence is not None
    assert evidence["signal"] == 9


def test_first_sweep_of_a_database_gives_grace(database: Database) -> None:
    """The first scheduler ever does not know how long nobody swept."""
    assert _sweep(database).is_grace


def test_waiting_scans_are_taken_once_the_fast_queue_first(database: Database) -> None:
    """What is sent is marked, so that of two senders one takes it; a refused one is taken again."""
    classifier_id = seed_classifier(database)
    bulk = sorted(scan_ids(database, seed_batch(database, classifier_id, ["a", "b"])))
    fast = scan_ids(database, seed_batch(database, classifier_id, ["c"], priority="interactive"))[0]
    with database.begin() as session:
        first = take_unsent(session, limit=2)
        second = take_unsent(session, limit=2)
        third = take_unsent(session, limit=2)
        mark_unsent(session, [bulk[1]])
        again = take_unsent(session, limit=2)

    assert first == [(fast, "interactive"), (bulk[0], "bulk")]
    assert (second, third, again) == ([(bulk[1], "bulk")], [], [(bulk[1], "bulk")])


def test_scan_that_backs_off_is_not_sent(database: Database, scan_id: int) -> None:
    """A scan that may not be claimed yet is not put into the broker."""
    with database.begin() as session:
        session.execute(update(Scan).values(not_before=db_now() + 60))

        assert take_unsent(session, limit=10) == []


def test_only_what_was_sent_long_ago_is_forgotten(database: Database) -> None:
    """A message that was sent a moment ago may still be on its way."""
    ids = scan_ids(database, seed_batch(database, seed_classifier(database), ["old", "new", "unsent"]))
    with database.begin() as session:
        session.execute(update(Scan).where(Scan.id == ids[0]).values(sent_at=db_now() - 60))
        session.execute(update(Scan).where(Scan.id == ids[1]).values(sent_at=db_now()))
        forgotten = forget_sent(session, older_than_s=10)
        under_way = count_under_way(session)

    assert forgotten == 1
    assert read_scan(database, ids[0]).sent_at is None
    assert under_way == {"queued": 3, "running": 0}
