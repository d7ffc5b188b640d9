"""A report tells of each entry exactly once, and its sums are right."""

import base64
from typing import Any

import pytest
from sqlalchemy import select

from db import reports
from db.batch_fakes import BatchFake, latest_batch_fakes
from db.batches import complete_batch
from db.entries import UnreadEntry, write_entries
from db.leases import claim_scan
from db.linking import ScanWish
from db.outcomes import Outcome
from db.progress import oldest_waiting_s, read_progress, read_running, read_status
from db.reports import open_report
from db.reviews import add_review, list_reviews
from db.session import Database
from db.tables.contents import KnownFile, Video
from db.verdicts import Thresholds, single_threshold
from db.videos import find_videos, read_video
from tests.seeding import end_scan, judged, read_scan, scan_ids, seed_batch, seed_classifier


def _save(database: Database, scan_id: int, outcome: Outcome) -> None:
    end_scan(database, scan_id, outcome, worker="w1")


@pytest.fixture
def batch_id(database: Database) -> int:
    """Six entries: fake, uncertain, real, no face, still queued, missing."""
    made = seed_batch(database, seed_classifier(database), ["fake", "unsure", "real", "empty", "wait"], unread=1)
    fake, unsure, real, empty, _ = scan_ids(database, made)
    _save(database, fake, judged(0.9))
    _save(database, unsure, judged(0.5, track_score=0.9))
    _save(database, real, judged(0.1))
    _save(database, empty, Outcome(state="no_face", runtime="openvino"))
    with database.begin() as session:
        complete_batch(session, made, ignored=4)
    return made


def _report(database: Database, batch_id: int, **options: Any) -> dict[str, Any]:
    with database.read() as session:
        return open_report(session, batch_id, **options).whole()


def test_head_counts_every_entry_once(database: Database, batch_id: int) -> None:
    """`submitted` is the sum of the counts and the number of videos, and the verdicts are of the judged."""
    report = _report(database, batch_id)

    batch = report["batch"]
    assert batch["counts"] == {
        "queued": 1,
        "running": 0,
        "judged": 3,
        "no_face": 1,
        "unreadable": 1,
        "failed": 0,
        "quarantined": 0,
        "cancelled": 0,
    }
    assert batch["submitted"] == len(report["videos"]) == 6
    assert (batch["ignored"], batch["verdicts"]) == (4, {"fake": 1, "real": 1, "uncertain": 1})
    assert report["thresholds"] == {"real_below": 0.3, "fake_from": 0.8}
    assert report["classifier"]["runtime"] == "openvino"
    assert report["options"] == {"preset": "standard", "frames": 16, "max_frames": 256, "aggregate": "mean"}


def test_judged_video_has_the_keys_of_the_contract(database: Database, batch_id: int) -> None:
    """Keys, nesting and units of a video are those that other programs rely on."""
    video = _report(database, batch_id)["videos"][0]

    finished_at = video.pop("finished_at")
    assert finished_at.endswith("Z")
    assert len(finished_at) == len("2026-01-01T00:00:00.000Z")
    assert video == {
        "path": "/videos/fake.mp4",
        "sha256": "b5d54c39e66671c9731b9f471e585d8262cd4f54963f0c93082d8dcf334d4c78",
        "reused": False,
        "state": "judged",
        "reason": None,
        "detail": None,
        "warnings": [],
        "score": 0.9,
        "verdict": "fake",
        "duration_s": 12.5,
        "width_px": 1280,
        "height_px": 720,
        "codec": "h264",
        "frames_sampled": 2,
        "frames_with_faces": 1,
        "faces": 1,
        "seconds": {"probe": 0.1, "decode": 0.2, "detect": 0.3, "classify": 0.4, "total": 1.0},
        "attempts": 1,
        "worker": "w1",
        "tracks": [{"id": 0, "faces": 1, "score": 0.9}],
        "frames": [
            {
                "t_s": 0.5,
                "score": 0.9,
                "faces": [{"box_px": [10.0, 20.0, 64.0, 80.0], "detection": 0.9, "score": 0.9, "track": 0}],
            },
            {"t_s": 1.5, "score": None, "faces": []},
        ],
    }


def test_entry_without_content_has_the_same_keys(database: Database, batch_id: int) -> None:
    """A path that was never read appears with its reason, and nulls for what nobody knows."""
    videos = _report(database, batch_id)["videos"]

    assert videos[-1].keys() == videos[0].keys()
    assert (videos[-1]["state"], videos[-1]["reason"]) == ("unreadable", "missing")
    assert (videos[-1]["sha256"], videos[-1]["score"], videos[-1]["frames"]) == (None, None, [])


def test_aggregation_and_thresholds_judge_anew(database: Database, batch_id: int) -> None:
    """Another aggregation or threshold changes verdicts without a new scan."""
    by_track = _report(database, batch_id, aggregate="max-track")
    by_threshold = _report(database, batch_id, thresholds=single_threshold(0.5))
    none_real = _report(database, batch_id, thresholds=Thresholds(real_below=0.0, fake_from=1.0))

    assert by_track["batch"]["verdicts"] == {"fake": 2, "real": 1, "uncertain": 0}
    assert by_track["videos"][1]["score"] == 0.9
    assert by_track["options"]["aggregate"] == "max-track"
    assert by_threshold["batch"]["verdicts"] == {"fake": 2, "real": 1, "uncertain": 0}
    assert none_real["batch"]["verdicts"] == {"fake": 0, "real": 0, "uncertain": 3}


def test_filters_choose_videos_and_leave_the_counts(database: Database, batch_id: int) -> None:
    """A filtered report shows fewer videos of the same batch."""
    paths = {
        name: [video["path"] for video in _report(database, batch_id, **options)["videos"]]
        for name, options in {
            "fake": {"verdict": "fake"},
            "uncertain": {"verdict": "uncertain"},
            "unreadable": {"state": "unreadable"},
            "both": {"state": "judged", "verdict": "real", "limit": 5},
            "limit": {"limit": 2},
        }.items()
    }

    assert paths == {
        "fake": ["/videos/fake.mp4"],
        "uncertain": ["/videos/unsure.mp4"],
        "unreadable": ["/gone/0.mp4"],
        "both": ["/videos/real.mp4"],
        "limit": ["/videos/fake.mp4", "/videos/unsure.mp4"],
    }
    assert _report(database, batch_id, verdict="fake")["batch"]["submitted"] == 6


@pytest.mark.parametrize(("with_frames", "limit"), [(True, None), (False, 5), (True, 3), (False, None)])
def test_pages_join_without_gap_or_double(
    database: Database, batch_id: int, monkeypatch: pytest.MonkeyPatch, *, with_frames: bool, limit: int | None
) -> None:
    """However small the pages, each video comes once and in the order of submission."""
    whole = [video["path"] for video in _report(database, batch_id)["videos"]]
    monkeypatch.setattr(reports, "_PAGE", 2)
    monkeypatch.setattr(reports, "_PAGE_WITH_FRAMES", 1)
    paged = _report(database, batch_id, with_frames=with_frames, limit=limit)["videos"]

    assert [video["path"] for video in paged] == whole[:limit]
    assert all(("frames" in video) == with_frames for video in paged)


def test_unknown_batch_and_aggregation_are_told(database: Database, batch_id: int) -> None:
    """A wrong value names itself and what there is."""
    with pytest.raises(LookupError, match="no batch 999"):
        _report(database, 999)
    with pytest.raises(ValueError, match="mean, top-k, confident, max-track, got 'median'"):
        _report(database, batch_id, aggregate="median")


def test_path_that_is_not_utf8_keeps_its_bytes(database: Database) -> None:
    """A name of any bytes is shown as text, and its bytes stand beside it where the text lost them."""
    classifier_id = seed_classifier(database)
    batch_id = seed_batch(database, classifier_id, [])
    names = [b"/v/\xff\xfe.mp4", "/v/😀 \n-.mp4".encode()]
    wish = ScanWish(classifier_id, frames=16, max_frames=256, priority="bulk")
    with database.begin() as session:
        entries = [UnreadEntry(number, name, "missing", "gone") for number, name in enumerate(names)]
        write_entries(session, batch_id, wish, entries)

    first, second = _report(database, batch_id)["videos"]
    assert first["path"] == "/v/\ufffd\ufffd.mp4"
    assert base64.b64decode(first["path_b64"]) == names[0]
    assert second["path"] == "/v/😀 \n-.mp4"
    assert "path_b64" not in second


def test_streamed_report_is_the_whole_one(database: Database, batch_id: int) -> None:
    """The generator form yields what the dictionary form holds."""
    with database.read() as session:
        report = open_report(session, batch_id)
        streamed = {**report.head, "videos": list(report.videos)}

    assert streamed == _report(database, batch_id)


def test_progress_knows_when_all_is_done(database: Database, batch_id: int) -> None:
    """A batch is finished when it was submitted whole and nothing waits or runs."""
    with database.read() as session:
        before = read_progress(session, batch_id)
    _save(database, scan_ids(database, batch_id)[4], Outcome(state="failed", reason="internal_error"))
    with database.read() as session:
        after = read_progress(session, batch_id)

    assert (before.submitted, before.finished, before.is_finished) == (6, 5, False)
    assert (after.submitted, after.finished, after.is_finished) == (6, 6, True)


def test_status_tells_what_runs(database: Database, batch_id: int) -> None:
    """The status has the head of the report, the scans under way and the queue over all batches."""
    with database.begin() as session:
        claim_scan(session, scan_ids(database, batch_id)[4], worker="w7", lease_s=20, alone=False)
    with database.read() as session:
        status = read_status(session, batch_id)
        elsewhere = read_running(session, batch_id + 1)
        waits = oldest_waiting_s(session)

    assert [(scan["path"], scan["worker"]) for scan in status["running"]] == [("/videos/wait.mp4", "w7")]
    assert status["batch"]["counts"]["running"] == 1
    assert status["queue"] == {"queued": 0, "running": 1, "oldest_waiting_s": None}
    assert (status["workers"], elsewhere, waits) == ([], [], None)


def test_video_is_found_by_what_a_person_types(database: Database, batch_id: int) -> None:
    """A path, an id and the start of a hash find a video; too short a start or nonsense finds none."""
    with database.read() as session:
        video = session.scalars(select(Video).order_by(Video.id)).first()
        assert video is not None
        path = session.scalars(select(KnownFile.path).where(KnownFile.video_id == video.id)).one()
        found = [
            find_videos(session, wanted)
            for wanted in (path.decode(), str(video.id), video.sha256[:12].upper(), video.sha256[:3], "xyz%", "9" * 30)
        ]

    assert found == [[video.id], [video.id], [video.id], [], [], []]


def test_video_is_shown_with_its_history_and_reviews(database: Database, batch_id: int) -> None:
    """All that is known of a video comes in the words of the report."""
    scan_id = scan_ids(database, batch_id)[0]
    video_id = read_scan(database, scan_id).video_id
    with database.begin() as session:
        add_review(session, video_id, label="real", note="seen on stage", reviewer="ada")
        shown = read_video(session, video_id)
        reviews = list_reviews(session, video_id)

    assert shown is not None
    assert (shown["id"], shown["verdict"], len(shown["frames"])) == (video_id, "fake", 2)
    assert shown["paths"] == [{"path": "/videos/fake.mp4"}]
    assert [scan["id"] for scan in shown["scans"]] == [scan_id]
    assert (shown["reviews"][0]["label"], shown["reviews"][0]["reviewer"]) == ("real", "ada")
    assert [review.note for review in reviews] == ["seen on stage"]


def test_unknown_label_is_refused(database: Database, batch_id: int) -> None:
    """A review says real or fake."""
    with database.begin() as session, pytest.raises(ValueError, match="real, fake, got 'maybe'"):
        add_review(session, 1, label="maybe")


def test_the_latest_fakes_of_a_batch(database: Database) -> None:
    """The latest first, each once, those of other batches left out, and progress counts them by verdict."""
    classifier = seed_classifier(database)
    batch_id = seed_batch(database, classifier, ["first", "honest", "second", "second", "third"])
    elsewhere = seed_batch(database, classifier, ["elsewhere"])
    first, honest, second, _, third = scan_ids(database, batch_id)
    for scan_id, score in ((first, 0.9), (honest, 0.1), (second, 0.85), (third, 0.95)):
        _save(database, scan_id, judged(score))
    _save(database, scan_ids(database, elsewhere)[0], judged(0.99))

    with database.read() as session:
        fakes = latest_batch_fakes(session, batch_id, limit=2)
        progress = read_progress(session, batch_id)

    assert fakes == [BatchFake(third, b"/videos/third.mp4", 0.95), BatchFake(second, b"/videos/second.mp4", 0.85)]
    assert progress.verdicts == {"fake": 4, "real": 1}


def test_a_report_with_timelines_has_the_scores_of_the_frames(database: Database, batch_id: int) -> None:
    """In their order, beside the frames of a whole report; what was not judged has none."""
    whole = _report(database, batch_id)["videos"]
    short = _report(database, batch_id, with_frames=False, with_timelines=True)["videos"]

    assert [video["timeline"] for video in short] == [[frame["score"] for frame in video["frames"]] for video in whole]
    assert any(video["timeline"] for video in short)
    assert "frames" not in short[0]
    assert "timeline" not in whole[0]


def test_a_fake_of_many_names_hides_no_other(database: Database) -> None:
    """Each content is told once, under its first name, however many names the last one has."""
    batch_id = seed_batch(database, seed_classifier(database), ["other", *["copied"] * 20])
    other, copied = scan_ids(database, batch_id)[:2]
    for scan_id in (other, copied):
        end_scan(database, scan_id, judged(0.9))

    with database.read() as session:
        fakes = latest_batch_fakes(session, batch_id, limit=2)

    assert [fake.scan_id for fake in fakes] == [copied, other]
