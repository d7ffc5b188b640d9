"""A whole evaluation of drawn faces by the drawn bundle."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import training.evaluate
from tests.bundles import build_bundle
from tests.unit.training.coloured import write_coloured, write_coloured_video
from tests.unit.training.faces import DrawnFaceDetector
from training.errors import TrainingError
from training.evaluate import Evaluator, evaluate_bundle
from training.evaluation import EvaluateOptions
from training.robustness import CONDITIONS

Run = Callable[..., dict[str, Any]]


def _options(tmp_path: Path, **changes: Any) -> EvaluateOptions:
    values: dict[str, Any] = {
        "roots": (tmp_path / "faces",),
        "bundle": tmp_path / "bundle",
        "cache": tmp_path / "cache",
        "detector": tmp_path,
        "frames": 4,
    }
    return EvaluateOptions(**{**values, **changes})


@pytest.fixture
def evaluate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Evaluates the drawn bundle on what lies in tmp_path/faces."""
    monkeypatch.setattr(training.evaluate, "FaceDetector", DrawnFaceDetector)
    build_bundle(tmp_path / "bundle")

    def run(**changes: Any) -> dict[str, Any]:
        return evaluate_bundle(_options(tmp_path, **changes), say=lambda _: None)

    return run


def test_pictures_are_measured_by_their_colour(tmp_path: Path, evaluate: Run) -> None:
    """One real face of ten is redder than the palest fake: nine and a half tenths of the pairs are in order."""
    write_coloured(tmp_path / "faces/real/camera", [-100, -90, -80, -70, -60, -50, -40, -30, -20, 35])
    write_coloured(tmp_path / "faces/fake/gan", [30, 40, 60, 80, 100], seed=1)

    figures = evaluate()

    assert figures["image"]["auc"] == 0.98
    assert (figures["image"]["real"], figures["image"]["fake"]) == (10, 5)
    assert figures["image"]["recall"] == 1.0
    assert figures["image"]["precision"] == pytest.approx(5 / 6, abs=1e-4)
    assert figures["image"]["sources"]["fake gan"]["is_right_side"]
    assert figures["image"]["quality"]["lossless"]["real"] == 10
    assert figures["image"]["face_size"]["under 64 px"]["fake"] == 5
    assert figures["coverage"] == 1.0
    assert "video" not in figures
    assert "robustness" not in figures
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


@pytest.mark.slow
def test_frames_and_videos_are_measured(tmp_path: Path, evaluate: Run) -> None:
    """A video comes under every aggregation, its frames by themselves, and intervals count videos, not frames."""
    for number, red in enumerate((-80, -60, 20)):
        write_coloured_video(tmp_path / f"faces/real/camera/{number}.mp4", redness=red, seed=number)
    for number, red in enumerate((10, 70)):
        write_coloured_video(tmp_path / f"faces/fake/swap/{number}.mp4", redness=red, seed=9 + number)

    figures = evaluate()

    assert "image" not in figures
    assert set(figures["video"]) == {"mean", "top-k", "confident", "max-track"}
    assert figures["video"]["mean"]["auc"] == pytest.approx(5 / 6, abs=1e-4)
    assert (figures["frame"]["real"], figures["frame"]["fake"]) == (12, 8)
    assert figures["frame"]["clusters"] == figures["video"]["mean"]["clusters"] == 5
    assert figures["video"]["mean"]["verdicts"]["counts"]["real"] == {"real": 2, "uncertain": 0, "fake": 1}
    assert all(band.startswith("h264, ") for band in figures["video"]["mean"]["quality"])
    assert figures["coverage_by_class"] == {
        "fake video": {"files": 2, "judged": 2},
        "real video": {"files": 3, "judged": 3},
    }


@pytest.mark.slow
def test_one_class_is_enough_to_see_the_scores(tmp_path: Path, evaluate: Run) -> None:
    """Fakes alone: no ranking and no error, but the share that was found."""
    write_coloured(tmp_path / "faces/fake/gan", [-40, 60, 80])

    figures = evaluate(robustness=True)

    assert "auc" not in figures["image"]
    assert figures["image"]["sources"]["fake gan"]["called_right"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["image"]["verdicts"]["rates"]["fake_called_fake"]["share"] == pytest.approx(2 / 3, abs=1e-4)
    assert "auc" not in figures["robustness"]["jpeg 30"]["image"]


def test_files_without_a_face_and_broken_ones_lower_the_coverage(tmp_path: Path, evaluate: Run) -> None:
    """They are listed with their reasons and counted by class, and no figure knows them."""
    write_coloured(tmp_path / "faces/real/camera", [-60, -40, -20])
    write_coloured(tmp_path / "faces/fake/gan", [50, 60])
    (tmp_path / "faces/fake/gan/00.png").write_bytes(b"no picture")
    (tmp_path / "faces/fake/gan/clip.mp4").write_bytes(b"no video")

    figures = evaluate()

    assert figures["coverage"] == pytest.approx(4 / 6, abs=1e-4)
    assert figures["coverage_by_class"]["fake image"] == {"files": 2, "judged": 1}
    assert {Path(skip["path"]).name for skip in figures["skipped"]} == {"00.png", "clip.mp4"}
    assert all(skip["why"] for skip in figures["skipped"])


def test_nothing_that_can_be_judged_is_an_error(tmp_path: Path, evaluate: Run) -> None:
    """The message names the first file and its reason."""
    write_coloured(tmp_path / "faces/real/camera", [-60])
    (tmp_path / "faces/real/camera/00.png").write_bytes(b"")

    with pytest.raises(TrainingError, match=r"no usable face in 1 files.*00\.png"):
        evaluate()


def test_of_a_layout_with_splits_the_test_part_is_measured(tmp_path: Path, evaluate: Run) -> None:
    """What was meant to be learnt from does not count; without a test part there is nothing to measure."""
    for seed, part in enumerate(("train", "test")):
        write_coloured(tmp_path / f"faces/{part}/real/camera", [-60, -40], seed=2 * seed)
        write_coloured(tmp_path / f"faces/{part}/fake/gan", [50], seed=2 * seed + 1)

    figures = evaluate()

    assert (figures["image"]["real"], figures["image"]["fake"]) == (2, 1)
    write_coloured(tmp_path / "others/train/real/camera", [-60])
    with pytest.raises(TrainingError, match="no test part"):
        evaluate(roots=(tmp_path / "others",))


def test_sources_that_it_learnt_from_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remembering is not knowing: the figures say which sources are known, and so does the log."""
    monkeypatch.setattr(training.evaluate, "FaceDetector", DrawnFaceDetector)
    build_bundle(tmp_path / "bundle", training={"sources": {"real camera": 70, "fake other": 3}})
    write_coloured(tmp_path / "faces/real/camera", [-60, -40])
    write_coloured(tmp_path / "faces/fake/gan", [50])
    told: list[str] = []

    figures = evaluate_bundle(_options(tmp_path), say=told.append)

    assert figures["learnt_from"] == ["real camera"]
    assert any("1 of 2 sources are among those it learnt from: real camera" in line for line in told)


def test_a_file_named_twice_counts_once(tmp_path: Path, evaluate: Run) -> None:
    """Directories may overlap."""
    write_coloured(tmp_path / "faces/real/camera", [-60, -40])
    write_coloured(tmp_path / "faces/fake/gan", [50])

    figures = evaluate(roots=(tmp_path / "faces", tmp_path / "faces"))

    assert figures["image"]["examples"] == 3


@pytest.mark.slow
def test_robustness_is_measured_on_the_same_files_throughout(tmp_path: Path, evaluate: Run) -> None:
    """Every condition has a row, of so many files at most, alike from every source; clean comes first."""
    write_coloured(tmp_path / "faces/real/camera", [-80, -60, -40, -30])
    write_coloured(tmp_path / "faces/fake/gan", [80, 60, 40, 30])

    figures = evaluate(robustness=True, robustness_files=4)

    table = figures["robustness"]
    assert list(table) == ["clean", *(condition.name for condition in CONDITIONS)]
    assert {(row["image"]["real"], row["image"]["fake"]) for row in table.values()} == {(2, 2)}
    assert table["h264 crf 40"]["image"]["auc_change"] == 0.0
    assert table["noise 16"]["image"]["auc_only_real"] == 1.0
    assert list(figures["swapped"]) == ["image"]
    assert list(figures["swapped"]["image"]) == ["resolution", "codec", "borders", "grey", "all"]
    # This classifier looks at colour alone, so resolution and codec are nothing to it.
    assert figures["swapped"]["image"]["resolution"]["auc"] == figures["swapped"]["image"]["codec"]["auc"] == 1.0


@pytest.mark.slow
def test_what_a_page_shows_is_made_when_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces with heat maps, and a map of features from the network below its head."""
    monkeypatch.setattr(training.evaluate, "FaceDetector", DrawnFaceDetector)
    build_bundle(tmp_path / "bundle")
    write_coloured(tmp_path / "faces/real/camera", [-80, -60, -40, -30, -20, 50])
    write_coloured(tmp_path / "faces/fake/gan", [80, 60, 40, 30, 20, -60], seed=1)
    evaluator = Evaluator(_options(tmp_path), say=lambda _: None)

    whole = evaluator.evaluate(with_pictures=True)

    wrong = {face.group: face.file.item.path.name for face in whole.faces if "taken" in face.group}
    assert wrong == {"real, taken for fake": "05.png", "fake, taken for real": "05.png"}
    assert {face.crop.shape for face in whole.faces} == {(224, 224, 3)}
    assert all(face.heat_map is not None and face.heat_map.shape == (7, 7) for face in whole.faces)
    assert whole.feature_map is not None
    assert whole.feature_map.points.shape == (12, 2)
