"""What is submitted is linked to its scan, which exists once."""

import threading

from sqlalchemy import func, select, update

from db.batches import find_batch, list_batches
from db.clock import db_now
from db.entries import write_entries
from db.known_files import NEVER, FileStamp, read_known_contents
from db.linking import ScanWish
from db.session import Database
from db.tables.batches import Batch, Entry
from db.tables.scans import Scan
from tests.seeding import content_entry, read_scan, scan_ids, seed_batch, seed_classifier


def _reused(database: Database, batch_id: int) -> list[bool]:
    with database.read() as session:
        return list(session.scalars(select(Entry.reused).where(Entry.batch_id == batch_id).order_by(Entry.position)))


def _end(database: Database, scan_id: int, state: str, **values: object) -> None:
    score = {"score_mean": 0.5} if state == "judged" else {}
    with database.begin() as session:
        session.execute(
            update(Scan)
            .where(Scan.id == scan_id)
            .values(state=state, lease_expires_at=None, finished_at=db_now(), **score, **values)
        )


def test_same_content_in_a_batch_shares_a_scan(database: Database) -> None:
    """Copies of one video are judged once, and the later ones say that they reuse it."""
    batch_id = seed_batch(database, seed_classifier(database), ["a", "b", "a"], unread=1)

    ids = scan_ids(database, batch_id)
    assert ids[0] == ids[2] != ids[1]
    assert _reused(database, batch_id) == [False, False, True, False]


def test_later_batch_reuses_what_there_is(database: Database) -> None:
    """A scan in any state is linked, so that a second submission judges nothing again."""
    classifier_id = seed_classifier(database)
    first = scan_ids(database, seed_batch(database, classifier_id, list("abcd")))
    for scan_id, state in zip(first, ("judged", "no_face", "failed", "cancelled"), strict=True):
        _end(database, scan_id, state)
    batch_id = seed_batch(database, classifier_id, list("abcd"))

    assert scan_ids(database, batch_id) == first
    assert _reused(database, batch_id) == [True] * 4


def test_other_options_or_classifier_is_another_scan(database: Database) -> None:
    """Sampling and classifier decide whether a scan is the same."""
    one, two = seed_classifier(database, version="1"), seed_classifier(database, version="2")
    batches = [
        seed_batch(database, one, ["a"]),
        seed_batch(database, one, ["a"], frames=8),
        seed_batch(database, two, ["a"]),
    ]

    assert len({scan_ids(database, batch_id)[0] for batch_id in batches}) == 3


def test_force_scans_what_has_ended_once_per_batch(database: Database) -> None:
    """Force makes a new scan for each content, however many copies, but not beside one under way."""
    classifier_id = seed_classifier(database)
    first = scan_ids(database, seed_batch(database, classifier_id, ["a", "b"]))
    _end(database, first[0], "judged")
    batch_id = seed_batch(database, classifier_id, ["a", "b", "a"], force=True)
    wish = ScanWish(classifier_id, frames=16, max_frames=256, priority="bulk")
    with database.begin() as session:
        write_entries(session, batch_id, wish, [content_entry(3, "a")], force=True)

    ids = scan_ids(database, batch_id)
    assert ids[0] not in first
    assert ids == [ids[0], first[1], ids[0], ids[0]]


def test_video_that_had_vanished_is_scanned_when_it_is_back(database: Database) -> None:
    """A scan that ended because of its place is not the verdict on its content."""
    classifier_id = seed_classifier(database)
    first = scan_ids(database, seed_batch(database, classifier_id, ["a", "b"]))
    _end(database, first[0], "unreadable", reason="vanished")
    _end(database, first[1], "unreadable", reason="not_a_video")
    second = scan_ids(database, seed_batch(database, classifier_id, ["a", "b"]))

    assert second[0] != first[0]
    assert second[1] == first[1]


def test_outdated_takes_what_another_classifier_judged_last(database: Database) -> None:
    """Only contents whose latest verdict is by another classifier are entered."""
    old, new = seed_classifier(database, version="1"), seed_classifier(database, version="2")
    for scan_id in scan_ids(database, seed_batch(database, old, ["stale", "both"])):
        _end(database, scan_id, "judged")
    _end(database, scan_ids(database, seed_batch(database, new, ["both"]))[0], "judged")
    batch_id = seed_batch(database, new, ["stale", "both", "never"], outdated_only=True, unread=1)

    with database.read() as session:
        paths = list(session.scalars(select(Entry.path).where(Entry.batch_id == batch_id).order_by(Entry.id)))
    assert paths == [b"/videos/stale.mp4", b"/gone/0.mp4"]


def test_hurried_submission_moves_a_waiting_scan_up(database: Database) -> None:
    """A scan that waits in the slow queue is sent to the fast one when someone waits for it."""
    classifier_id = seed_classifier(database)
    scan_id = scan_ids(database, seed_batch(database, classifier_id, ["a"]))[0]
    with database.begin() as session:
        session.execute(update(Scan).values(sent_at=1.0))
    seed_batch(database, classifier_id, ["a"], priority="interactive")

    scan = read_scan(database, scan_id)
    assert (scan.priority, scan.sent_at) == ("interactive", None)


def test_waiting_scan_follows_its_file(database: Database) -> None:
    """A scan that has not begun opens the file where it was seen last."""
    classifier_id = seed_classifier(database)
    batch_id = seed_batch(database, classifier_id, ["a"])
    wish = ScanWish(classifier_id, frames=16, max_frames=256, priority="bulk")
    with database.begin() as session:
        write_entries(session, batch_id, wish, [content_entry(1, "a", folder="/moved")])

    assert read_scan(database, scan_ids(database, batch_id)[0]).path == b"/moved/a.mp4"


def test_cancelled_batch_takes_no_more(database: Database) -> None:
    """A submission that is cancelled while it is written stops."""
    classifier_id = seed_classifier(database)
    batch_id = seed_batch(database, classifier_id, ["a"])
    wish = ScanWish(classifier_id, frames=16, max_frames=256, priority="bulk")
    with database.begin() as session:
        session.execute(update(Batch).values(cancelled_at=db_now()))
        written = write_entries(session, batch_id, wish, [content_entry(1, "b")])

    assert (written.is_cancelled, written.entries) == (True, 0)


def test_submitters_at_once_make_each_scan_once(database: Database) -> None:
    """Submissions of the same contents at the same time, in any order, share their scans."""
    classifier_id = seed_classifier(database)
    texts = [f"v{number}" for number in range(40)]
    batches: list[int] = []

    def submit_often(order: list[str], *, force: bool) -> None:
        batches.extend(seed_batch(database, classifier_id, order, force=force) for _ in range(3))

    threads = [
        threading.Thread(target=submit_often, args=(order,), kwargs={"force": force})
        for order, force in ((texts, False), (texts[::-1], False), (texts[20:] + texts[:20], True))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Scan)) == 40
    assert {tuple(sorted(scan_ids(database, batch_id))) for batch_id in batches} == {
        tuple(sorted(scan_ids(database, batches[0])))
    }


def test_known_file_is_known_by_path_size_and_mtime(database: Database) -> None:
    """A file is not read again only if nothing about it changed."""
    seed_batch(database, seed_classifier(database), ["a"])
    path = b"/videos/a.mp4"
    stamps = [FileStamp(path, 1, 1_000), FileStamp(path, 2, 1_000), FileStamp(path, 1, NEVER)]
    with database.read() as session:
        known = [path in read_known_contents(session, [stamp]) for stamp in stamps]

    assert known == [True, False, False]


def test_batch_is_found_by_what_a_person_types(database: Database) -> None:
    """Nothing means the latest, a number an id, anything else the latest of that name."""
    classifier_id = seed_classifier(database)
    ids = [seed_batch(database, classifier_id, [], name=name) for name in ("x", "x", "1")]
    with database.read() as session:
        found = [find_batch(session, wanted) for wanted in (None, "x", str(ids[0]), "nowhere", "9" * 40)]
        listed = [batch.id for batch in list_batches(session, limit=2)]

    assert [batch.id if batch else None for batch in found] == [ids[2], ids[1], ids[0], None, None]
    assert listed == [ids[2], ids[1]]
