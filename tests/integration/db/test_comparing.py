"""What two classifiers say of a batch is read from their stored scans."""

from db.batches import BatchRecord, read_batch
from db.comparing import ComparedVideo, Judgement, count_without_content, read_judgements
from db.outcomes import Outcome
from db.reviews import add_review
from db.session import Database
from tests.seeding import end_scan, judged, read_scan, scan_ids, seed_batch, seed_classifier


def batch_of(database: Database, batch_id: int) -> BatchRecord:
    """The batch as it is now."""
    with database.read() as session:
        batch = read_batch(session, batch_id)
    assert batch is not None
    return batch


def compared(
    database: Database, batch_id: int, first: int, second: int, aggregate: str = "mean"
) -> list[ComparedVideo]:
    """The batch's videos under two classifiers."""
    batch = batch_of(database, batch_id)
    with database.read() as session:
        return read_judgements(session, batch, first, second, aggregate=aggregate)


def test_both_words_stand_side_by_side(database: Database) -> None:
    """Each path of the batch gets the latest verdict of either classifier, a copy the same as its original."""
    old = seed_classifier(database, version="old")
    batch_id = seed_batch(database, old, ["a", "b", "a"], unread=2)
    for scan_id, score in zip(dict.fromkeys(scan_ids(database, batch_id)), (0.9, 0.1), strict=True):
        end_scan(database, scan_id, judged(score, track_score=0.5))
    new = seed_classifier(database, version="new")
    later = seed_batch(database, new, ["a"])
    end_scan(database, scan_ids(database, later)[0], judged(0.2))

    videos = compared(database, batch_id, old, new)
    tracks = compared(database, batch_id, old, new, aggregate="max-track")

    assert [video.judgements for video in videos] == [
        (Judgement("judged", 0.9), Judgement("judged", 0.2)),
        (Judgement("judged", 0.1), None),
        (Judgement("judged", 0.9), Judgement("judged", 0.2)),
    ]
    assert [video.path for video in videos] == [b"/videos/a.mp4", b"/videos/b.mp4", b"/videos/a.mp4"]
    assert tracks[0].judgements[0] == Judgement("judged", 0.5)
    with database.read() as session:
        assert count_without_content(session, batch_of(database, batch_id)) == 2


def test_other_options_and_unfinished_scans_do_not_count(database: Database) -> None:
    """A score under another number of frames is another score, and a queued or failed scan is no word."""
    old = seed_classifier(database, version="old")
    batch_id = seed_batch(database, old, ["a", "b"])
    new = seed_classifier(database, version="new")
    closer = seed_batch(database, new, ["a"], frames=32)
    end_scan(database, scan_ids(database, closer)[0], judged(0.2))
    failed = seed_batch(database, new, ["b"])
    end_scan(
        database, scan_ids(database, failed)[0], Outcome(state="failed", reason="internal_error", detail="a defect")
    )

    videos = compared(database, batch_id, old, new)

    assert [video.judgements for video in videos] == [(None, None), (None, None)]


def test_states_without_a_score_are_words_too(database: Database) -> None:
    """That there is nobody in a video is what a classifier says of it."""
    old = seed_classifier(database)
    batch_id = seed_batch(database, old, ["a"])
    end_scan(database, scan_ids(database, batch_id)[0], Outcome(state="no_face"))

    assert compared(database, batch_id, old, old)[0].judgements[0] == Judgement("no_face", None)


def test_the_latest_generation_counts(database: Database) -> None:
    """A forced scan takes the place of the one before."""
    old = seed_classifier(database)
    batch_id = seed_batch(database, old, ["a"])
    end_scan(database, scan_ids(database, batch_id)[0], judged(0.9))
    forced = seed_batch(database, old, ["a"], force=True)
    end_scan(database, scan_ids(database, forced)[0], judged(0.3))

    assert compared(database, batch_id, old, old)[0].judgements[1] == Judgement("judged", 0.3)


def test_the_latest_label_stands_beside(database: Database) -> None:
    """A reviewer who changes his mind is heard."""
    old = seed_classifier(database)
    batch_id = seed_batch(database, old, ["a", "b"])
    video_id = read_scan(database, scan_ids(database, batch_id)[0]).video_id
    with database.begin() as session:
        add_review(session, video_id, label="fake")
        add_review(session, video_id, label="real")

    assert [video.label for video in compared(database, batch_id, old, old)] == ["real", None]
