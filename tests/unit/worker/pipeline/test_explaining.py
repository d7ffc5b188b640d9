"""Judged faces are found again, with what spoke for them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from tests.bundles import build_bundle
from tests.drawing import X264, draw_video, read_number, run_ffmpeg
from worker.classifiers import __file__ as classifiers_file
from worker.pipeline.classifier import Classifier, Judgement, load_classifier
from worker.pipeline.errors import BundleError
from worker.pipeline.explaining import (
    ExplainedFace,
    HeatMaker,
    JudgedFace,
    choose_faces,
    explain_picture,
    explain_video,
)
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.limits import Limits
from worker.pipeline.preprocessing import crop_face
from worker.pipeline.results import Box, DetectedFace, Pixels
from worker.pipeline.scan import ScanOptions, scan_video

SIZE = (400, 300)
BOX = Box(120, 140, 100, 100)
"""Its crop is 130 px wide, from (105, 125)."""
OPTIONS = ScanOptions(frames=4)


class FixedDetector:
    """Finds the face where it was drawn, in frames of half the size too."""

    batch_size = 1

    def detect_each(self, frames: Sequence[Pixels]) -> list[list[DetectedFace]]:
        """One face in each."""
        return [[DetectedFace(BOX.scaled(pixels.shape[1] / SIZE[0]), 0.9)] for pixels in frames]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """Takes red for fake."""
    return load_classifier(build_bundle(tmp_path_factory.mktemp("bundles") / "red"), device="cpu")


def paint(picture: Pixels, number: int) -> None:
    """A grey face with a red patch in the upper right of its crop; redder from picture to picture."""
    picture[100:290, 90:260] = 110
    picture[135:160, 200:225] = (110 + number, 110 - number // 2, 110 - number)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of that face."""
    return draw_video(tmp_path_factory.mktemp("videos") / "patch.mp4", size=SIZE, paint=paint)


def scanned_faces(video: Path, classifier: Classifier, *, limits: Limits | None = None) -> list[JudgedFace]:
    """What a scan stores."""
    result = scan_video(
        video,
        options=OPTIONS,
        detector=FixedDetector(),  # type: ignore[arg-type]  # a stand-in with the same method
        classifier=classifier,
        ffmpeg=find_ffmpeg(),
        limits=limits or Limits(),
    )
    return [JudgedFace(frame.t_s, face.box, face.track, face.score) for frame in result.frames for face in frame.faces]


def explain(
    video: Path,
    faces: list[JudgedFace],
    classifier: Classifier,
    *,
    limits: Limits | None = None,
    make_heat: HeatMaker | None = None,
) -> list[ExplainedFace]:
    """With the options of the scan."""
    return explain_video(
        video,
        faces,
        options=OPTIONS,
        classifier=classifier,
        ffmpeg=find_ffmpeg(),
        limits=limits or Limits(),
        make_heat=make_heat,
    )


def hottest(heat_map: NDArray[np.float32]) -> tuple[int, int]:
    """Row and column of the place that speaks loudest for fake."""
    row, column = np.unravel_index(int(heat_map.argmax()), heat_map.shape)
    return int(row), int(column)


@pytest.mark.parametrize("decoded_side_px", [1280, 200])
def test_the_judged_faces_are_judged_again(video: Path, classifier: Classifier, decoded_side_px: int) -> None:
    """The same frames and crops, so the same scores, highest first; frames may be decoded small."""
    limits = Limits(decoded_side_px=decoded_side_px)
    faces = scanned_faces(video, classifier, limits=limits)

    explained = explain(video, choose_faces(faces, 3), classifier, limits=limits)

    assert [face.judged for face in explained] == [faces[3], faces[2], faces[1]]
    for face in explained:
        assert face.score == pytest.approx(face.judged.score, abs=1e-9)
        assert face.judged.t_s is not None
        assert read_number(face.frame.pixels) == round(face.judged.t_s * 25)


def test_the_cause_lights_up_where_it_is(video: Path, classifier: Classifier) -> None:
    """A red patch in the upper right of the crop is orange there, in the face and in the frame."""
    face = explain(video, choose_faces(scanned_faces(video, classifier), 1), classifier)[0]

    heat, frame = face.draw_heat(130).astype(int), face.draw_frame().astype(int)
    assert hottest(face.heat_map) == (1, 5)
    assert heat[25, 105, 0] > heat[25, 105, 2] + 60
    assert frame[150, 210, 0] > frame[150, 210, 2] + 60
    for row, column in ((25, 25), (105, 105), (105, 25)):
        assert abs(heat[row, column, 0] - heat[row, column, 2]) < 20


@pytest.mark.parametrize("clockwise_deg", [90, 180, 270])
def test_a_turned_video_is_explained_upright(tmp_path: Path, classifier: Classifier, clockwise_deg: int) -> None:
    """Phones store pictures lying: what is drawn is what is displayed."""
    stored, path = tmp_path / "stored.mp4", tmp_path / "turned.mp4"
    draw_video(stored, size=SIZE, turns=clockwise_deg // 90, paint=paint, arguments=X264)
    run_ffmpeg(["-display_rotation", str(-clockwise_deg), "-i", stored, "-c", "copy", path])

    face = explain(path, choose_faces(scanned_faces(path, classifier), 1), classifier)[0]

    assert face.frame.pixels.shape == (300, 400, 3)
    assert read_number(face.frame.pixels) == round((face.judged.t_s or 0) * 25)
    assert hottest(face.heat_map) == (1, 5)


def test_a_moment_that_does_not_come_again_is_left_out(video: Path, classifier: Classifier) -> None:
    """The others are explained, in the order in which they were asked for."""
    faces = scanned_faces(video, classifier)
    strange = replace(faces[0], t_s=1.2345)

    assert [face.judged for face in explain(video, [faces[2], strange, faces[0]], classifier)] == [faces[2], faces[0]]


def test_no_face_is_no_work(video: Path, classifier: Classifier) -> None:
    """Nothing asked for, nothing found."""
    assert explain(video, [], classifier) == []


def test_heat_that_is_made_otherwise_has_its_own_scale(video: Path, classifier: Classifier) -> None:
    """Another method's maps are drawn on one scale of theirs, the same for all faces."""
    faces = scanned_faces(video, classifier)

    explained = explain(video, faces[:2], classifier, make_heat=lambda crops: np.full((len(crops), 2, 2), 0.25, "f4"))

    assert [face.span for face in explained] == [0.25, 0.25]
    assert explained[0].heat_map.shape == (2, 2)
    assert [face.span for face in explain(video, faces[:1], classifier)] == [10.0]


def test_a_network_with_a_logit_alone_cannot_explain(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which classifier it is and what to do."""
    monkeypatch.setattr(classifier, "judge", lambda crops: Judgement(np.zeros(len(crops)), None))

    with pytest.raises(BundleError, match=r"fakesweep-red .* gives no heat maps"):
        explain_picture(data.astronaut(), [JudgedFace(None, BOX, 0, 0.5)], classifier=classifier)


def test_a_picture_is_calibrated_as_a_picture(tmp_path: Path) -> None:
    """Its faces have the scores that `classify` gives, not those of a video's faces."""
    same, moved = {"slope": 1.0, "intercept": 0.0}, {"slope": 1.0, "intercept": 2.0}
    calibration = dict.fromkeys(("face", "mean", "top-k", "confident", "max-track"), same) | {"image": moved}
    bundle = build_bundle(tmp_path / "bundle", calibration=calibration, heat_span_logits=3.0)
    pixels = np.full((300, 400, 3), 90, np.uint8)

    (face,) = explain_picture(
        pixels, [JudgedFace(None, BOX, 0, 0.88)], classifier=load_classifier(bundle, device="cpu")
    )

    assert (face.logit, face.score) == pytest.approx((0.0, 0.8808), abs=1e-4)
    assert face.span == 3.0


def test_the_highest_scores_go_first() -> None:
    """Of equal ones the earlier, and no more than asked for."""
    moments = [JudgedFace(t_s, BOX, 0, score) for t_s, score in ((1.0, 0.2), (3.0, 0.9), (2.0, 0.9), (4.0, 0.5))]

    assert [face.t_s for face in choose_faces(moments, 3)] == [2.0, 3.0, 4.0]


def test_a_score_beyond_one_is_refused() -> None:
    """The value is told."""
    with pytest.raises(ValueError, match=r"0\.\.1, got 1\.5"):
        JudgedFace(None, BOX, 0, 1.5)


@pytest.mark.parametrize("corner", [(56, 56), (56, 168), (168, 56), (168, 168)])
def test_the_packaged_classifier_answers_where_it_is_asked(corner: tuple[int, int]) -> None:
    """Noise in one quarter of a face changes the heat map most in that quarter: no axis is swapped or turned."""
    packaged = load_classifier(Path(classifiers_file).parent / "default", device="cpu")
    size_px = packaged.manifest.input_size_px
    face = crop_face(data.astronaut(), Box(172, 66, 102, 136), size_px=size_px)
    row, column = (round(place * size_px / 224) for place in corner)
    noisy = face.copy()
    noisy[row - 16 : row + 16, column - 16 : column + 16] = np.random.default_rng(1).integers(0, 255, (32, 32, 3))

    heat_maps = packaged.judge(np.stack([face, noisy])).heat_maps

    assert heat_maps is not None
    change = np.abs(heat_maps[1] - heat_maps[0]) ** 2
    rows, columns = (np.arange(side) + 0.5 for side in change.shape)
    found = (change.sum(axis=1) @ rows / change.sum(), change.sum(axis=0) @ columns / change.sum())
    middle = [side / 2 for side in change.shape]
    assert [place > half for place, half in zip(found, middle, strict=True)] == [place > 112 for place in corner]
