"""What was counted when it happened is what counting everything gives."""

import random
import threading
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from db.batches import create_batch
from db.claiming import IS_RUNNING
from db.clock import db_now
from db.entries import write_entries
from db.headers import describe_header, read_header
from db.leases import claim_scan, hand_back_scan, release_scan, save_outcome
from db.linking import ScanWish
from db.outcomes import Outcome
from db.reconciling import count_under_way, take_back_lost
from db.registry import register_classifier
from db.reports import open_report
from db.session import Database
from db.standings import standing_of
from db.steering import cancel_scans, retry_scans
from db.tables.batches import Batch, Entry, Tally, TallyChange
from db.tables.scans import Scan
from db.tallies import add_up_changes, read_tallies
from db.verdicts import VERDICTS, Thresholds, single_threshold, verdict_of
from tests.seeding import content_entry, expire_lease, judged, scan_ids, seed_batch, seed_classifier


def _claim(session: Session, scan_id: int) -> int:
    claim = claim_scan(session, scan_id, worker="w", lease_s=20, alone=True)
    assert claim is not None
    return claim.token


def _end(database: Database, scan_id: int, outcome: Outcome) -> None:
    with database.begin() as session:
        assert save_outcome(session, scan_id, _claim(session, scan_id), outcome)


def _looked_at(session: Session, batch_id: int) -> Counter[str]:
    """The states of a batch's entries, each looked up at its scan."""
    state = func.coalesce(Scan.state, Entry.state)
    rows = select(state).select_from(Entry).outerjoin(Scan, Scan.id == Entry.scan_id).where(Entry.batch_id == batch_id)
    return Counter(session.scalars(rows))


def _assert_counts_are_right(database: Database) -> None:
    with database.read() as session:
        for batch_id in session.scalars(select(Batch.id)):
            assert read_tallies(session, batch_id).states() == _looked_at(session, batch_id)
            standings = select(Entry.standing, Entry.state, Scan).outerjoin(Scan, Scan.id == Entry.scan_id)
            for standing, state, scan in session.execute(standings.where(Entry.batch_id == batch_id)):
                kept = Thresholds(0.3, 0.8)
                assert standing == (state if scan is None else standing_of(scan.state, scan.score_mean, kept))
        waiting = Counter(session.scalars(select(Scan.state)))
        assert count_under_way(session) == {"queued": waiting["queued"], "running": waiting["running"]}


def test_every_end_of_a_scan_is_counted(database: Database) -> None:
    """Whatever becomes of a scan, the counts of each batch that holds it are those of its entries."""
    classifier_id = seed_classifier(database)
    names = ["fake", "unsure", "real", "empty", "broken", "failed", "given back", "lost", "runs", "waits"]
    batch_id = seed_batch(database, classifier_id, [*names, "fake"], unread=2)
    seed_batch(database, classifier_id, ["fake", "real", "waits"])
    ids = dict(zip(names, scan_ids(database, batch_id), strict=False))
    for name, score in (("fake", 0.9), ("unsure", 0.5), ("real", 0.1)):
        _end(database, ids[name], judged(score))
    _end(database, ids["empty"], Outcome(state="no_face", runtime="keras"))
    _end(database, ids["broken"], Outcome(state="unreadable", reason="not_a_video"))
    with database.begin() as session:
        token = _claim(session, ids["failed"])
        release_scan(session, ids["failed"], token, reason="memory_limit", detail="", max_attempts=1)
        hand_back_scan(session, ids["given back"], _claim(session, ids["given back"]))
        for name in ("lost", "runs"):
            _claim(session, ids[name])
        take_back_lost(session, gap_s=1e9, grace_s=0.0)
        expire_lease(session, ids["lost"])
        take_back_lost(session, gap_s=1e9, grace_s=0.0)
    seed_batch(database, classifier_id, [*names, "new"])

    _assert_counts_are_right(database)
    with database.read() as session:
        head = describe_header(session, read_header(session, batch_id, aggregate=None, thresholds=None))
    assert head["batch"]["counts"] == {
        "queued": 3,
        "running": 1,
        "judged": 4,
        "no_face": 1,
        "unreadable": 3,
        "failed": 1,
        "quarantined": 0,
        "cancelled": 0,
    }
    assert head["batch"]["verdicts"] == {"fake": 2, "real": 1, "uncertain": 1}
    assert head["classifier"]["runtime"] == "keras+openvino"


@pytest.mark.parametrize("seed", range(4))
def test_counts_stay_right_whatever_happens(database: Database, seed: int) -> None:
    """After any course of claims, ends, losses, cancelling, retries and resubmissions the counts are right."""
    chance = random.Random(seed)
    classifier_id = seed_classifier(database)
    contents = [str(number) for number in range(6)]
    batches = [seed_batch(database, classifier_id, contents, unread=1)]

    def finish(session: Session) -> None:
        running = session.execute(select(Scan.id, Scan.token).where(IS_RUNNING)).all()
        for scan_id, token in chance.sample(running, k=min(2, len(running))):
            outcome = chance.choice([judged(chance.random()), Outcome("no_face"), Outcome("unreadable", "empty")])
            save_outcome(session, scan_id, token, outcome)

    def lose(session: Session) -> None:
        for scan_id in session.scalars(select(Scan.id).where(IS_RUNNING).limit(1)):
            expire_lease(session, scan_id)
        take_back_lost(session, gap_s=1e9, grace_s=0.0)

    steps: list[Callable[[Session], object]] = [
        lambda session: claim_scan(session, chance.randint(1, 9), worker="w", lease_s=20, alone=True),
        lambda session: claim_scan(session, chance.randint(1, 9), worker="w", lease_s=20, alone=True),
        finish,
        lose,
        lambda session: cancel_scans(session, chance.choice(batches)),
        lambda session: retry_scans(session, chance.choice(batches), ["unreadable", "quarantined", "cancelled"]),
        add_up_changes,
    ]
    for _ in range(40):
        if chance.random() < 0.2:
            chosen = chance.sample(contents, k=3)
            batches.append(seed_batch(database, classifier_id, chosen, force=chance.random() < 0.5))
        else:
            with database.begin() as session:
                chance.choice(steps)(session)

    _assert_counts_are_right(database)


def test_what_is_rolled_back_was_not_counted(database: Database) -> None:
    """A worker that dies while it saves leaves verdict and counts as they were."""
    batch_id = seed_batch(database, seed_classifier(database), ["a"])
    with pytest.raises(RuntimeError), database.begin() as session:
        (scan_id,) = scan_ids(database, batch_id)
        save_outcome(session, scan_id, _claim(session, scan_id), judged(0.9))
        raise RuntimeError("the worker dies here")

    _assert_counts_are_right(database)


def test_changes_by_hand_are_counted_too(database: Database) -> None:
    """Counts do not depend on who changes a row, so an older worker or an operator cannot falsify them."""
    batch_id = seed_batch(database, seed_classifier(database), list("abcd"))
    first, second, _, _ = scan_ids(database, batch_id)
    with database.begin() as session:
        session.execute(update(Scan).values(state="judged", score_mean=0.9, finished_at=db_now()))
    with database.begin() as session:
        session.execute(update(Scan).where(Scan.id == first).values(score_mean=0.1))
        session.execute(update(Scan).where(Scan.id == second).values(state="queued", score_mean=None))
        session.execute(delete(Entry).where(Entry.position == 3))

    _assert_counts_are_right(database)
    with database.read() as session:
        assert read_tallies(session, batch_id).standings == {"fake": 1, "real": 1, "waiting": 1}


def test_adding_up_changes_no_count(database: Database) -> None:
    """After the changes were added up there are none left, and the counts are what they were."""
    batch_id = seed_batch(database, seed_classifier(database), list("abc"), unread=1)
    _end(database, scan_ids(database, batch_id)[0], judged(0.9))
    for _ in range(2):
        with database.begin() as session:
            add_up_changes(session)

        with database.read() as session:
            assert session.scalar(select(func.count()).select_from(TallyChange)) == 0
            totals = session.execute(select(Tally.standing, Tally.total).where(Tally.batch_id == batch_id)).all()
        assert dict(totals) == {"waiting": 2, "fake": 1, "unreadable": 1}
        _assert_counts_are_right(database)


@pytest.mark.slow
def test_workers_that_end_scans_at_once_are_all_counted(database: Database) -> None:
    """However many end scans of one batch while the changes are added up, none is missed and nobody is refused."""
    batch_id = seed_batch(database, seed_classifier(database), [str(number) for number in range(120)])
    ids = scan_ids(database, batch_id)
    troubles: list[BaseException] = []
    is_over = threading.Event()

    def work(own: list[int]) -> None:
        try:
            for scan_id in own:
                _end(database, scan_id, judged((scan_id % 10) / 10))
        except BaseException as error:
            troubles.append(error)
            raise

    def add_up() -> None:
        while not is_over.wait(0.01):
            with database.begin() as session:
                add_up_changes(session)

    workers = [threading.Thread(target=work, args=(ids[first::4],)) for first in range(4)]
    adders = [threading.Thread(target=add_up) for _ in range(2)]
    for thread in workers + adders:
        thread.start()
    for thread in workers:
        thread.join()
    is_over.set()
    for thread in adders:
        thread.join()

    assert troubles == []
    _assert_counts_are_right(database)


@pytest.mark.parametrize("aggregate", ["mean", "max-track"])
@pytest.mark.parametrize(
    "thresholds",
    [None, *(single_threshold(value) for value in (0.0, 0.1, 0.3, 0.5, 0.8, 0.95, 1.0)), Thresholds(0.2, 0.9)],
)
def test_other_thresholds_and_aggregations_count_and_choose_rightly(
    database: Database, aggregate: str, thresholds: Thresholds | None
) -> None:
    """Counts and lists under any judging are those that each score by itself gives, in the order of submission."""
    scores = [0.0, 0.1, 0.2, 0.3, 0.45, 0.5, 0.79, 0.8, 0.9, 0.95, 1.0]
    batch_id = seed_batch(database, seed_classifier(database), [f"{score}" for score in scores] + ["waits"])
    for scan_id, score in zip(scan_ids(database, batch_id), scores, strict=False):
        _end(database, scan_id, judged(score, track_score=1.0 - score))
    shown = [score if aggregate == "mean" else 1.0 - score for score in scores]
    verdicts = [verdict_of(score, thresholds or Thresholds(0.3, 0.8)) for score in shown]

    for verdict in VERDICTS:
        with database.read() as session:
            report = open_report(
                session, batch_id, aggregate=aggregate, thresholds=thresholds, verdict=verdict, with_frames=False
            ).whole()
        expected = [f"/videos/{score}.mp4" for score, is_so in zip(scores, verdicts, strict=True) if is_so == verdict]
        assert [video["path"] for video in report["videos"]] == expected
        assert report["batch"]["verdicts"] == {name: verdicts.count(name) for name in VERDICTS}


def test_a_classifier_without_thresholds_counts_its_judged(database: Database) -> None:
    """Where nobody says what is fake, a video is judged and nothing more, until a threshold is given."""
    with database.begin() as session:
        manifest = {"name": "bare", "version": "1"}
        classifier_id = register_classifier(session, manifest=manifest, path="/bare", sha256="b" * 64)
    batch_id = seed_batch(database, classifier_id, ["a", "b"])
    for scan_id, score in zip(scan_ids(database, batch_id), (0.1, 0.9), strict=True):
        _end(database, scan_id, judged(score))

    with database.read() as session:
        report = open_report(session, batch_id, thresholds=single_threshold(0.5), verdict="fake").whole()
        assert read_tallies(session, batch_id).standings == {"judged": 2}
    assert report["batch"]["verdicts"] == {"fake": 1, "real": 1, "uncertain": 0}
    assert [video["path"] for video in report["videos"]] == ["/videos/b.mp4"]


def test_a_reused_scan_stands_by_the_batch_that_reuses_it(database: Database) -> None:
    """A later batch counts by its own aggregation what was judged before it began."""
    classifier_id = seed_classifier(database)
    first = seed_batch(database, classifier_id, ["a"])
    _end(database, scan_ids(database, first)[0], judged(0.9, track_score=0.1))
    wish = ScanWish(classifier_id, frames=16, max_frames=256, priority="bulk")
    with database.begin() as session:
        options = {"aggregate": "max-track"}
        second = create_batch(session, name="b", classifier_id=classifier_id, options=options, priority="bulk")
        write_entries(session, second, wish, [content_entry(0, "a")])

    with database.read() as session:
        standings = [read_tallies(session, batch_id).standings for batch_id in (first, second)]
    assert standings == [{"fake": 1}, {"real": 1}]
