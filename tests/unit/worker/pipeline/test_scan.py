"""One video in, one verdict out."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.bundles import build_bundle
from tests.drawing import cut_off, draw_video
from tests.end_to_end.face_clips import draw_face_video
from worker.pipeline.classifier import Classifier, load_classifier
from worker.pipeline.errors import Reason, ScanStoppedError, UnreadableVideoError
from worker.pipeline.faces import FaceDetector, find_detector
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.limits import Limits
from worker.pipeline.results import AGGREGATIONS, Box, DetectedFace, Pixels, ScanResult
from worker.pipeline.scan import ScanOptions, scan_video

RED, BLUE, GREY = (255, 0, 0), (0, 0, 255), (110, 110, 110)
SIZE = (400, 300)


class ColourDetector:
    """Finds a face in each half of the picture that is not grey."""

    def __init__(self, *, batch_size: int = 1) -> None:
        self.batch_size = batch_size
        self.looked_at = 0
        self.batches: list[int] = []

    def detect_each(self, frames: Sequence[Pixels]) -> list[list[DetectedFace]]:
        """Boxes in the middle of the coloured halves."""
        self.batches.append(len(frames))
        return [self._detect(pixels) for pixels in frames]

    def _detect(self, pixels: Pixels) -> list[DetectedFace]:
        self.looked_at += 1
        height, width = pixels.shape[:2]
        halves = (pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :])
        return [
            DetectedFace(Box(width * (0.15 + 0.5 * place), height * 0.6, width * 0.2, height * 0.3), 0.9)
            for place, half in enumerate(halves)
            if np.ptp(half.reshape(-1, 3).mean(axis=0)) > 100
        ]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """Takes red for fake."""
    return load_classifier(build_bundle(tmp_path_factory.mktemp("bundles") / "red"), device="cpu")


def _draw(
    path: Path, halves: Sequence[tuple[tuple[int, int, int], tuple[int, int, int]]], *, seconds: float = 2.0
) -> Path:
    """A video of equal scenes, each with a colour on the left and one on the right."""

    def paint(picture: Pixels, number: int) -> None:
        left, right = halves[min(int(number / (seconds * 25) * len(halves)), len(halves) - 1)]
        picture[:, : SIZE[0] // 2], picture[:, SIZE[0] // 2 :] = left, right

    return draw_video(path, seconds=seconds, size=SIZE, paint=paint)


def _scan(path: Path, classifier: Classifier, *, frames: int = 4, **options: object) -> ScanResult:
    return scan_video(
        path,
        options=ScanOptions(frames=frames),
        detector=options.pop("detector", ColourDetector()),  # type: ignore[arg-type]  # a stand-in with the same method
        classifier=classifier,
        ffmpeg=find_ffmpeg(),
        **options,  # type: ignore[arg-type]  # passed on as given
    )


def test_a_red_face_is_judged_fake_and_a_blue_one_real(tmp_path: Path, classifier: Classifier) -> None:
    """Each face has a box, a logit, a score and a person; the frame has its worst face's score."""
    video = _draw(tmp_path / "video.mp4", [(RED, BLUE)])

    result = _scan(video, classifier)

    assert result.state == "judged"
    assert len(result.frames) == 4
    for frame in result.frames:
        left, right = frame.faces
        assert left.logit > 8
        assert right.logit < -8
        assert frame.score == left.score > 0.99
        assert right.score < 0.01
        assert (left.track, right.track) == (0, 1)
        assert (left.box.x, left.box.w) == pytest.approx((60, 80))
    assert set(result.scores) == set(AGGREGATIONS)
    assert result.scores["mean"] > 0.99
    assert [(track.id, track.faces) for track in result.tracks] == [(0, 4), (1, 4)]
    assert result.tracks[0].score > 0.99
    assert result.tracks[1].score < 0.01
    assert result.runtime == "openvino"


def test_the_highest_faces_are_kept_in_pictures(tmp_path: Path, classifier: Classifier) -> None:
    """A face of each person, where it was found, with its crop, its frame and its heat; unasked, none."""
    video = _draw(tmp_path / "video.mp4", [(RED, BLUE)])

    kept = scan_video(
        video,
        options=ScanOptions(frames=4, kept_faces=3),
        detector=ColourDetector(),  # type: ignore[arg-type]  # a stand-in with the same method
        classifier=classifier,
        ffmpeg=find_ffmpeg(),
    ).kept

    assert [face.track for face in kept] == [0, 0, 1]
    assert (kept[0].width_px, kept[0].height_px) == SIZE
    assert (kept[0].box.x, kept[0].box.w) == pytest.approx((60, 80))
    assert kept[0].score > 0.99
    crop = cv2.imdecode(np.frombuffer(kept[0].face_jpeg, np.uint8), cv2.IMREAD_COLOR)
    frame = cv2.imdecode(np.frombuffer(kept[2].frame_jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert crop is not None
    assert crop.mean(axis=(0, 1)) == pytest.approx((0, 0, 254), abs=6)
    assert frame is not None
    assert frame.shape == (300, 400, 3)
    assert kept[0].heat_map is not None
    assert kept[0].heat_map.mean() == pytest.approx(10, abs=0.5)
    assert _scan(video, classifier).kept == ()


def test_frames_without_a_face_do_not_count(tmp_path: Path, classifier: Classifier) -> None:
    """The mean is over the frames that have a face; the others are kept, without a score."""
    video = _draw(tmp_path / "video.mp4", [(BLUE, GREY), (GREY, GREY)])

    result = _scan(video, classifier)

    assert [frame.score is None for frame in result.frames] == [False, False, True, True]
    assert result.scores["mean"] < 0.01


def test_aggregations_differ_where_scenes_do(tmp_path: Path, classifier: Classifier) -> None:
    """One fake scene of four: half of the mean, all of the highest quarter."""
    video = _draw(tmp_path / "video.mp4", [(RED, GREY), (BLUE, GREY), (BLUE, GREY), (BLUE, GREY)], seconds=4.0)

    result = _scan(video, classifier, frames=8)

    assert result.scores["mean"] == pytest.approx(0.25, abs=0.01)
    assert result.scores["top-k"] > 0.99
    assert result.scores["max-track"] > 0.99


def test_a_video_without_anyone_has_no_score(tmp_path: Path, classifier: Classifier) -> None:
    """No face is a state of its own, never a score."""
    result = _scan(_draw(tmp_path / "video.mp4", [(GREY, GREY)]), classifier)

    assert result.state == "no_face"
    assert result.scores == {}
    assert result.tracks == ()
    assert len(result.frames) == 4


def test_every_stage_has_its_seconds(tmp_path: Path, classifier: Classifier) -> None:
    """The stages are part of the total."""
    seconds = _scan(_draw(tmp_path / "video.mp4", [(RED, BLUE)]), classifier).seconds

    assert list(seconds) == ["probe", "decode", "detect", "classify", "total"]
    assert all(value > 0 for value in seconds.values())
    assert sum(seconds.values()) <= 2 * seconds["total"]


def test_progress_rises_from_stage_to_stage(tmp_path: Path, classifier: Classifier) -> None:
    """The share of the work that is done never falls, and ends whole."""
    told: list[tuple[str, float]] = []

    _scan(_draw(tmp_path / "video.mp4", [(RED, BLUE)]), classifier, report=lambda *step: told.append(step))

    shares = [share for _, share in told]
    assert told[0] == ("probe", 0.0)
    assert told[-1] == ("classify", 1.0)
    assert shares == sorted(shares)
    assert {stage for stage, _ in told} == {"probe", "decode", "detect", "classify"}


def test_a_scan_can_be_stopped_between_frames(tmp_path: Path, classifier: Classifier) -> None:
    """Asked to stop after the second frame, it looks at no third."""
    detector = ColourDetector()
    video = _draw(tmp_path / "video.mp4", [(RED, BLUE)])

    with pytest.raises(ScanStoppedError):
        _scan(video, classifier, detector=detector, should_stop=lambda: detector.looked_at >= 2)

    assert detector.looked_at == 2


def test_frames_that_are_looked_at_together_give_the_same_result(tmp_path: Path, classifier: Classifier) -> None:
    """Faces, persons, scores and progress are the same one by one and four at a time; the last wait for no other."""
    video = _draw(tmp_path / "video.mp4", [(RED, BLUE), (GREY, BLUE), (GREY, GREY)])
    results: list[ScanResult] = []
    told: list[list[tuple[str, float]]] = []
    batches: list[list[int]] = []
    for batch_size in (1, 4):
        said: list[tuple[str, float]] = []
        detector = ColourDetector(batch_size=batch_size)
        results.append(
            _scan(video, classifier, frames=9, detector=detector, report=lambda *what, said=said: said.append(what))
        )
        told.append(said)
        batches.append(detector.batches)

    one, four = results
    assert batches == [[1] * 9, [4, 4, 1]]
    assert one.frames == four.frames
    assert (one.tracks, one.scores) == (four.tracks, four.scores)
    assert told[0] == told[1]


@pytest.mark.parametrize(("batch_size", "looked_at"), [(1, 5), (4, 4)])
def test_a_stop_waits_for_no_batch(tmp_path: Path, classifier: Classifier, batch_size: int, looked_at: int) -> None:
    """Whoever asks for the end between two frames gets it there; what waits for company is dropped unseen."""
    video = _draw(tmp_path / "video.mp4", [(RED, BLUE)])
    detector = ColourDetector(batch_size=batch_size)
    seen: list[str] = []

    with pytest.raises(ScanStoppedError):
        _scan(
            video,
            classifier,
            frames=9,
            detector=detector,
            report=lambda stage, _: seen.append(stage),
            should_stop=lambda: seen.count("detect") == 5,
        )

    assert detector.looked_at == looked_at


def test_a_stop_before_the_last_batch_ends_the_scan(tmp_path: Path, classifier: Classifier) -> None:
    """Frames that waited to the end are not looked at either."""
    video = _draw(tmp_path / "video.mp4", [(RED, BLUE)])
    detector = ColourDetector(batch_size=16)
    stages: list[str] = []

    with pytest.raises(ScanStoppedError):
        _scan(
            video,
            classifier,
            detector=detector,
            report=lambda stage, _: stages.append(stage),
            should_stop=lambda: "classify" in stages,
        )

    assert detector.looked_at == 0


def test_a_scan_over_its_time_is_unreadable(tmp_path: Path, classifier: Classifier) -> None:
    """The limit is that of the whole scan."""
    video = _draw(tmp_path / "video.mp4", [(RED, BLUE)])

    with pytest.raises(UnreadableVideoError) as caught:
        _scan(video, classifier, limits=Limits(time_limit_s=1e-6))

    assert caught.value.reason == Reason.TIME_LIMIT


def test_crops_are_judged_in_batches(tmp_path: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many faces there are, at most one batch of crops is held."""
    sizes: list[int] = []
    judge = classifier.judge

    def count(crops: Pixels) -> object:
        sizes.append(len(crops))
        return judge(crops)

    monkeypatch.setattr(classifier, "judge", count)

    _scan(_draw(tmp_path / "video.mp4", [(RED, BLUE)]), classifier, frames=9)

    assert sizes == [8, 8, 2]


def test_a_truncated_video_is_judged_on_what_there_is(tmp_path: Path, classifier: Classifier) -> None:
    """And says so."""
    whole = draw_video(
        tmp_path / "whole.mkv",
        seconds=4.0,
        size=SIZE,
        paint=lambda picture, _: picture[:].__setitem__(slice(None), RED),
    )
    video = cut_off(whole, tmp_path / "cut.mkv", share=0.6)

    result = _scan(video, classifier)

    assert result.state == "judged"
    assert "truncated" in result.warnings


def test_boxes_are_in_pixels_of_the_displayed_video(tmp_path: Path, classifier: Classifier) -> None:
    """Frames are decoded small; what is stored fits the video."""
    video = _draw(tmp_path / "video.mp4", [(RED, GREY)])

    result = _scan(video, classifier, limits=Limits(decoded_side_px=200))

    face = result.frames[0].faces[0]
    assert (face.box.x, face.box.y, face.box.w, face.box.h) == pytest.approx((60, 180, 80, 90))


def test_a_real_face_is_found_and_followed(tmp_path: Path, classifier: Classifier) -> None:
    """The whole of it, with the real detector: one person in every frame."""
    video = draw_face_video(tmp_path / "portrait.mp4")

    result = _scan(video, classifier, detector=FaceDetector(find_detector()))

    assert [len(frame.faces) for frame in result.frames] == [1, 1, 1, 1]
    assert [(track.id, track.faces) for track in result.tracks] == [(0, 4)]
    assert all(0 < score < 1 for score in result.scores.values())


@pytest.mark.parametrize(("frames", "max_frames"), [(0, 256), (16, 0)])
def test_options_must_be_positive(frames: int, max_frames: int) -> None:
    """The message gives both values."""
    with pytest.raises(ValueError, match=f"got {frames} and {max_frames}"):
        ScanOptions(frames=frames, max_frames=max_frames)
