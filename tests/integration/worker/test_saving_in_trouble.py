"""What a worker does with a scan when database or machine fail it at the wrong moment."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest

from db.ends import has_ended_as
from db.errors import DatabaseUnavailableError
from db.leases import Claim
from db.session import Database
from tests.seeding import read_scan, scan_ids, seed_batch, seed_classifier
from worker.evidence import evidence_path
from worker.heartbeat import Heartbeat, _Pulse
from worker.pipeline.results import Box, FaceResult, FrameResult, KeptFace, ScanResult, TrackResult, VideoFacts
from worker.settings import Settings
from worker.storage import Storage
from worker.tasks import Bench, run_scan

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

T = TypeVar("T")


class AnswersLost(Storage):
    """A database whose connection breaks after the first commit of each kind that saves."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.singles = 0
        self.steps = 0

    def attempt_single(self, work: "Callable[[Session], T]") -> T:
        """The first is the claim, the second saves."""
        self.singles += 1
        return self._lose(super().attempt_single(work), is_lost=self.singles == 2)

    def attempt(self, work: "Callable[[Session], T]") -> T:
        """The first saves."""
        self.steps += 1
        return self._lose(super().attempt(work), is_lost=self.steps == 1)

    def _lose(self, answer: T, *, is_lost: bool) -> T:
        if is_lost:
            raise DatabaseUnavailableError("the connection broke")
        return answer


def _one_face(_claim: Claim, _heartbeat: Heartbeat) -> ScanResult:
    box = Box(1, 2, 64, 64)
    kept = KeptFace(
        t_s=1.5,
        box=box,
        track=0,
        score=0.9,
        width_px=640,
        height_px=480,
        heat_map=np.zeros((1, 1), np.float32),
        face_jpeg=b"face",
        frame_jpeg=b"frame",
        heat_png=None,
    )
    return ScanResult(
        VideoFacts("mov,mp4", "h264", 640, 480, 0, 2.0, 25.0, 0.0, 0, (), 1000),
        frames=(FrameResult(0.5, 0.9, (FaceResult(box, detection=0.9, logit=2.0, score=0.9, track=0),)),),
        tracks=(TrackResult(0, 1, 0.9),),
        scores=dict.fromkeys(("mean", "top-k", "confident", "max-track"), 0.9),
        runtime="fake",
        kept=(kept,),
    )


def test_a_verdict_whose_answer_is_lost_keeps_its_faces(
    database: Database, empty_database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that breaks after the commit makes nobody delete what the saved verdict shows."""
    (scan_id,) = scan_ids(database, seed_batch(database, seed_classifier(database), ["a"]))
    settings = Settings(home=tmp_path)
    assert settings.evidence_directory is not None
    bench = Bench(settings, "worker-1", tmp_path, AnswersLost(empty_database_url), _one_face)

    with caplog.at_level("INFO"):
        run_scan(scan_id, bench)
    bench.storage.close()

    scan = read_scan(database, scan_id)
    assert (scan.state, scan.faces) == ("judged", 1)
    assert evidence_path(settings.evidence_directory, scan_id, scan.token).exists()
    assert "lease was lost" not in caplog.text


def test_an_end_counts_for_its_own_lease_alone(database: Database, empty_database_url: str, tmp_path: Path) -> None:
    """Neither another state nor an earlier lease is an end of ours."""
    (scan_id,) = scan_ids(database, seed_batch(database, seed_classifier(database), ["a"]))
    bench = Bench(Settings(home=tmp_path), "worker-1", tmp_path, Storage(empty_database_url), _one_face)
    run_scan(scan_id, bench)
    bench.storage.close()

    with database.read() as session:
        found = [has_ended_as(session, scan_id, *end) for end in ((1, "judged"), (1, "unreadable"), (2, "judged"))]

    assert found == [True, False, False]


def test_a_scan_for_which_no_thread_is_to_be_had_is_released(
    database: Database, empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for another attempt, and is nobody's loss."""

    def no_thread(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    (scan_id,) = scan_ids(database, seed_batch(database, seed_classifier(database), ["a"]))
    bench = Bench(Settings(home=tmp_path), "worker-1", tmp_path, Storage(empty_database_url), _one_face)
    monkeypatch.setattr(_Pulse, "_made", None)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    run_scan(scan_id, bench)
    bench.storage.close()

    scan = read_scan(database, scan_id)
    assert (scan.state, scan.losses, scan.attempts, scan.reason) == ("queued", 0, 1, "internal_error")
