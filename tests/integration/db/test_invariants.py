"""A drill's checker finds every violation that is put in front of it, and nothing where all is well."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.orm import Session

from db.batches import complete_batch
from db.history import keep_history
from db.invariants import Findings, find_violations
from db.leases import claim_scan, save_outcome
from db.reconciling import take_back_lost
from db.session import Database
from db.tables.batches import Entry
from db.tables.contents import Video
from db.tables.findings import FrameRow
from db.tables.scans import Scan
from db.tallies import add_up_changes
from tests.seeding import end_scan, expire_lease, judged, scan_ids, seed_batch, seed_classifier

SCORE = 0.9
NAMES = ["a", "b", "poison"]


@pytest.fixture
def batch(database: Database) -> int:
    """A finished drill in little: two videos judged, one of them after a loss, and a poisoned one quarantined."""
    keep_history(database)
    batch_id = seed_batch(database, seed_classifier(database), NAMES)
    first, second, poisoned = scan_ids(database, batch_id)
    with database.begin() as session:
        complete_batch(session, batch_id, ignored=0)
    _judge(database, first)
    _lose(database, second)
    _judge(database, second)
    for _ in range(3):
        _lose(database, poisoned)
    with database.begin() as session:
        add_up_changes(session)
    return batch_id


def _judge(database: Database, scan_id: int) -> None:
    end_scan(database, scan_id, judged(SCORE))


def _lose(database: Database, scan_id: int) -> None:
    with database.begin() as session:
        claim_scan(session, scan_id, worker="w", lease_s=20, alone=True)
        expire_lease(session, scan_id)
    with database.begin() as session:
        take_back_lost(session, gap_s=1e12, grace_s=0.0)


def _check(database: Database) -> Findings:
    with database.read() as session:
        scores = {sha256: SCORE for (sha256,) in session.execute(text("SELECT sha256 FROM videos"))}
        paths = [f"/videos/{name}.mp4".encode() for name in NAMES]
        return find_violations(session, expected=paths, poison=paths[2:], scores=scores)


def test_nothing_is_found_where_all_is_well(database: Database, batch: int) -> None:
    """Losses, a second attempt and a quarantined poison video are as they should be."""
    assert _check(database) == Findings()


def _forget_entry(session: Session, ids: list[int]) -> None:
    session.execute(delete(Entry).where(Entry.scan_id == ids[0]))


def _fail(session: Session, ids: list[int]) -> None:
    session.execute(update(Scan).where(Scan.id == ids[0]).values(state="failed", score_mean=None))


def _begin_again(session: Session, ids: list[int]) -> None:
    session.execute(update(Scan).where(Scan.id == ids[0]).values(state="queued", score_mean=None))


def _judge_twice(session: Session, ids: list[int]) -> None:
    _begin_again(session, ids)
    claim = claim_scan(session, ids[0], worker="other", lease_s=20, alone=False)
    assert claim is not None
    save_outcome(session, ids[0], claim.token, judged(SCORE))


def _scan_anew(session: Session, ids: list[int]) -> None:
    first = session.get_one(Scan, ids[0])
    values = {column.key: getattr(first, column.key) for column in Scan.__table__.columns if column.key != "id"}
    session.add(Scan(**{**values, "generation": 2, "state": "queued", "score_mean": None}))


def _condemn(session: Session, ids: list[int]) -> None:
    session.execute(update(Scan).where(Scan.id == ids[0]).values(state="quarantined", score_mean=None))


def _pardon(session: Session, ids: list[int]) -> None:
    session.execute(update(Scan).where(Scan.id == ids[2]).values(state="no_face"))


def _take_token(session: Session, ids: list[int]) -> None:
    session.execute(update(Scan).where(Scan.id == ids[1]).values(token=7))


def _swap_verdict(session: Session, ids: list[int]) -> None:
    session.execute(update(Scan).where(Scan.id == ids[0]).values(score_mean=0.1))


def _lose_frame(session: Session, ids: list[int]) -> None:
    session.execute(delete(FrameRow).where(FrameRow.scan_id == ids[0], FrameRow.position == 1))


def _miscount(session: Session, ids: list[int]) -> None:
    session.execute(text("UPDATE tallies SET total = total + 1 WHERE batch_id > 0 AND standing = 'fake'"))


def _miscount_waiting(session: Session, ids: list[int]) -> None:
    session.execute(text("UPDATE tallies SET total = total + 1 WHERE batch_id = 0"))


VIOLATIONS: dict[str, tuple[Callable[[Session, list[int]], None], set[str]]] = {
    "an entry is gone": (_forget_entry, {"lost"}),
    "a failure is no verdict": (_fail, {"lost", "doubled"}),
    "a judged scan waits again": (_begin_again, {"stuck", "doubled"}),
    "a scan was judged twice": (_judge_twice, {"doubled"}),
    "a content has two scans": (_scan_anew, {"doubled", "fences_broken", "wrong"}),
    "an innocent is quarantined": (_condemn, {"innocents_quarantined", "doubled"}),
    "a poison video got away": (_pardon, {"poison_at_large", "doubled"}),
    "a token rose without a claim": (_take_token, {"fences_broken", "doubled"}),
    "a verdict is another content's": (_swap_verdict, {"wrong"}),
    "a frame was not written": (_lose_frame, {"wrong"}),
    "a tally is wrong": (_miscount, {"sums_wrong"}),
    "the tally of what waits is wrong": (_miscount_waiting, {"sums_wrong"}),
}


@pytest.mark.parametrize("what", VIOLATIONS)
def test_each_violation_is_found(database: Database, batch: int, what: str) -> None:
    """A drill that cannot fail proves nothing: each broken promise is found, under its name."""
    violate, kinds = VIOLATIONS[what]
    ids = scan_ids(database, batch)
    with database.begin() as session:
        violate(session, ids)
    found = {name for name, lines in vars(_check(database)).items() if lines}

    assert found == kinds


def test_a_batch_that_was_never_completed_loses_its_videos(database: Database, batch: int) -> None:
    """A submission that was cut short has to be repeated: until then its videos count as lost."""
    with database.begin() as session:
        session.execute(text("UPDATE batches SET is_complete = false"))

    assert len(_check(database).lost) == 3


def test_a_content_may_be_known_and_its_score_free(database: Database, batch: int) -> None:
    """A content whose score nobody can foretell is checked for all else."""
    with database.begin() as session:
        session.execute(update(Video).values(sha256=Video.sha256))
        paths = [b"/videos/a.mp4"]
        found = find_violations(session, expected=paths, poison=(), scores={})

    assert found == Findings()
