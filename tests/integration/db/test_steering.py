"""An operator stops a batch or tries again what did not end well."""

import pytest
from sqlalchemy import update

from db.clock import db_now
from db.leases import claim_scan
from db.session import Database
from db.steering import Cancelled, cancel_scans, count_without_content, retry_scans
from db.tables.scans import Scan
from tests.seeding import read_scan, scan_ids, seed_batch, seed_classifier


def test_cancel_ends_what_waits_and_asks_what_runs(database: Database) -> None:
    """Waiting scans end at once, running ones are told, those that another batch wants go on."""
    classifier_id = seed_classifier(database)
    batch_id = seed_batch(database, classifier_id, ["waits", "runs", "shared"])
    waits, runs, shared = scan_ids(database, batch_id)
    seed_batch(database, classifier_id, ["shared"])
    with database.begin() as session:
        claim_scan(session, runs, worker="w", lease_s=20, alone=False)
        cancelled = cancel_scans(session, batch_id)

    assert cancelled == Cancelled(ended=1, stopping=1, kept=1)
    assert [read_scan(database, scan).state for scan in (waits, runs, shared)] == [
        "cancelled",
        "running",
        "queued",
    ]
    assert read_scan(database, runs).is_cancel_requested


def test_shared_scan_ends_with_the_last_batch_that_wants_it(database: Database) -> None:
    """When every batch that wants a scan is cancelled, it ends."""
    classifier_id = seed_classifier(database)
    batches = [seed_batch(database, classifier_id, ["a"]) for _ in range(2)]
    with database.begin() as session:
        cancelled = [cancel_scans(session, batch_id) for batch_id in batches]

    assert cancelled == [Cancelled(0, 0, 1), Cancelled(1, 0, 0)]


def test_running_scan_wanted_anew_is_not_stopped(database: Database) -> None:
    """A submission takes back that a running scan shall stop."""
    classifier_id = seed_classifier(database)
    batch_id = seed_batch(database, classifier_id, ["a"])
    scan_id = scan_ids(database, batch_id)[0]
    with database.begin() as session:
        claim_scan(session, scan_id, worker="w", lease_s=20, alone=False)
        cancel_scans(session, batch_id)
    seed_batch(database, classifier_id, ["a"])

    assert not read_scan(database, scan_id).is_cancel_requested


@pytest.mark.parametrize("state", ["failed", "quarantined", "unreadable", "cancelled"])
def test_retry_gives_a_scan_all_its_chances(database: Database, state: str) -> None:
    """What is tried again is as if it had never been tried, but its fencing token goes on rising."""
    batch_id = seed_batch(database, seed_classifier(database), ["a", "b"])
    first, second = scan_ids(database, batch_id)
    with database.begin() as session:
        session.execute(
            update(Scan)
            .where(Scan.id == first)
            .values(state=state, reason="x", attempts=3, losses=3, token=3, finished_at=db_now())
        )
        retried = retry_scans(session, batch_id, [state])

    scan = read_scan(database, first)
    assert retried == 1
    assert (scan.state, scan.reason, scan.attempts, scan.losses) == ("queued", None, 0, 0)
    assert (scan.token, scan.sent_at, scan.finished_at, scan.mtime_ns) == (3, None, None, 1_000)
    assert read_scan(database, second).state == "queued"


def test_retry_looks_where_this_batch_found_the_file(database: Database) -> None:
    """A scan whose first file is gone is tried at the path of the batch that is retried, and checked there."""
    batch_id = seed_batch(database, seed_classifier(database), ["a"])
    scan_id = scan_ids(database, batch_id)[0]
    with database.begin() as session:
        session.execute(update(Scan).values(state="unreadable", reason="vanished", path=b"/old/a.mp4"))
        retry_scans(session, batch_id, ["unreadable"])

    scan = read_scan(database, scan_id)
    assert (scan.path, scan.mtime_ns) == (b"/videos/a.mp4", 0)


def test_retry_of_a_state_that_is_well_is_refused(database: Database) -> None:
    """What was judged is judged again by force only."""
    with database.begin() as session, pytest.raises(ValueError, match=r"must be one of .* got 'judged'"):
        retry_scans(session, 1, ["judged"])


def test_entries_without_content_are_counted_apart(database: Database) -> None:
    """A path that was missing has nothing to try again."""
    batch_id = seed_batch(database, seed_classifier(database), ["a"], unread=2)
    with database.read() as session:
        assert count_without_content(session, batch_id, ["unreadable"]) == 2
