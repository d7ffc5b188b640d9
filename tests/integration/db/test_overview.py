"""What an operator sees at a glance."""

from sqlalchemy import update

from db.overview import count_finished, count_finished_before, latest_fakes, recent_rate
from db.session import Database
from db.tables.scans import Scan
from tests.seeding import end_scan, judged, scan_ids, seed_batch, seed_classifier


def _judge(database: Database, scores: list[float]) -> int:
    batch_id = seed_batch(database, seed_classifier(database), [f"clip-{n}" for n in range(len(scores) + 1)])
    for scan_id, score in zip(scan_ids(database, batch_id), scores, strict=False):
        end_scan(database, scan_id, judged(score))
    return batch_id


def test_what_was_finished_is_counted_by_verdict_in_its_span(database: Database) -> None:
    """Scans of this moment stand in the latest span, by their classifier's thresholds; what waits is not counted."""
    _judge(database, [0.9, 0.8, 0.5, 0.1])

    with database.read() as session:
        hours = count_finished(session, span_s=3600.0, buckets=3)

    counts = [sum(hour.counts[word] for hour in hours) for word in ("fake", "uncertain", "real")]
    assert len(hours) == 3
    assert counts == [2, 1, 1]
    assert sum(hour.total for hour in hours) == sum(hour.total for hour in hours[-2:]) == 4
    assert round(sum(hour.score_sum for hour in hours), 6) == 2.3


def test_the_past_and_the_present_are_the_whole(database: Database) -> None:
    """Counted apart, the spans that are over and the one that is not come to the same as counted at once."""
    batch_id = _judge(database, [0.9, 0.8, 0.5, 0.1])
    with database.begin() as session:
        for scan_id, hours in zip(scan_ids(database, batch_id), (1, 2, 2, 9), strict=False):
            session.execute(
                update(Scan).where(Scan.id == scan_id).values(finished_at=Scan.finished_at - 3600.0 * hours)
            )

    with database.read() as session:
        whole = count_finished(session, span_s=3600.0, buckets=4)
        past = count_finished_before(session, whole[-1].starts_at, span_s=3600.0, buckets=3)
        at_once = count_finished_before(session, whole[-1].starts_at + 3600.0, span_s=3600.0, buckets=4)

    assert [*past, whole[-1]] == whole == at_once
    assert sum(hour.total for hour in past) == 3


def test_the_latest_fakes_are_told_newest_first(database: Database) -> None:
    """Only what was called fake is told, each video once, the one that ended last first."""
    _judge(database, [0.9, 0.2, 0.95])

    with database.read() as session:
        fakes = latest_fakes(session, limit=5)

    assert [(fake.path, fake.score) for fake in fakes] == [(b"/videos/clip-2.mp4", 0.95), (b"/videos/clip-0.mp4", 0.9)]


def test_a_fake_that_was_judged_often_hides_no_other(database: Database) -> None:
    """Each video is told once, by its latest scan, however often it was judged of late."""
    classifier_id = seed_classifier(database)
    rounds = [("other", False), *[("again", True)] * 9]
    ended = []
    for text, force in rounds:
        batch_id = seed_batch(database, classifier_id, [text], force=force)
        ended += scan_ids(database, batch_id)
        end_scan(database, ended[-1], judged(0.9))

    with database.read() as session:
        fakes = latest_fakes(session, limit=2)

    assert [fake.scan_id for fake in fakes] == [ended[-1], ended[0]]


def test_a_batch_has_a_rate_once_something_of_it_was_finished(database: Database) -> None:
    """Before that nobody can say how long it will take."""
    idle = seed_batch(database, seed_classifier(database), ["other"], name="idle")
    busy = _judge(database, [0.5, 0.5])

    with database.read() as session:
        assert recent_rate(session, idle) is None
        rate = recent_rate(session, busy)

    assert rate is not None
    assert rate > 0
