"""What training needs to know of reviewed videos, on both databases."""

from db.reviewed import ReviewedVideo, read_reviewed
from db.reviews import add_review
from db.session import Database
from tests.seeding import end_scan, judged, read_scan, scan_ids, seed_batch, seed_classifier


def judge(database: Database, scan_id: int, score: float) -> int:
    """Lets a worker judge a scan; returns its video."""
    end_scan(database, scan_id, judged(score))
    return read_scan(database, scan_id).video_id


def reviewed(database: Database) -> list[ReviewedVideo]:
    """All of them."""
    with database.read() as session:
        return read_reviewed(session)


def test_each_reviewer_has_one_word(database: Database) -> None:
    """The latest label of each reviewer counts, whoever spoke first."""
    batch_id = seed_batch(database, seed_classifier(database), ["a", "b"])
    video_id = judge(database, scan_ids(database, batch_id)[0], 0.9)
    with database.begin() as session:
        for reviewer, label in (("ada", "fake"), ("bob", "fake"), ("ada", "real"), (None, "real")):
            add_review(session, video_id, label=label, reviewer=reviewer)

    (video,) = reviewed(database)

    assert sorted(video.labels) == ["fake", "real", "real"]
    assert (video.video_id, video.batch_id, video.verdict) == (video_id, batch_id, "fake")
    assert video.paths == (b"/videos/a.mp4",)


def test_the_verdict_is_of_the_latest_judged_scan(database: Database) -> None:
    """A later classifier's verdict takes the place of the earlier one's; what it has not judged yet does not."""
    old = seed_batch(database, seed_classifier(database, version="old"), ["a"])
    video_id = judge(database, scan_ids(database, old)[0], 0.9)
    new = seed_batch(database, seed_classifier(database, version="new"), ["a"])
    with database.begin() as session:
        add_review(session, video_id, label="real")
    before = reviewed(database)[0]
    judge(database, scan_ids(database, new)[0], 0.5)
    after = reviewed(database)[0]

    assert (before.verdict, after.verdict) == ("fake", "uncertain")
    assert after.batch_id == old


def test_what_was_never_judged_has_no_verdict(database: Database) -> None:
    """A label may come before the machine."""
    batch_id = seed_batch(database, seed_classifier(database), ["a"])
    with database.begin() as session:
        add_review(session, read_scan(database, scan_ids(database, batch_id)[0]).video_id, label="fake")

    assert reviewed(database)[0].verdict is None
    assert reviewed(database)[0].labels == ("fake",)


def test_nothing_reviewed_is_nothing(database: Database) -> None:
    """A database without reviews gives an empty list."""
    seed_batch(database, seed_classifier(database), ["a"])

    assert reviewed(database) == []
