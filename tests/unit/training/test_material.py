"""What a run works on leaves out what it shall be compared on."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import training.material
from tests.unit.training.faces import SIDE_PX, DrawnFaceDetector, draw_face
from training.crops import FaceCutter
from training.errors import TrainingError
from training.freezing import freeze_set
from training.material import gather
from training.options import TrainOptions


def write_blotched_faces(root: Path, *, first: int) -> None:
    """Ten faces of each class, each with blotches of its own: plain discs are duplicates of each other."""
    for label, start in (("real", first), ("fake", first + 10)):
        (root / label).mkdir(parents=True)
        for number in range(10):
            blotches = np.random.default_rng(start + number).uniform(0.3, 1, (SIDE_PX // 3, SIDE_PX // 3, 1))
            light = cv2.resize(blotches, (SIDE_PX, SIDE_PX))[:, :, None]
            cv2.imwrite(str(root / label / f"{number}.png"), draw_face(start + number, is_fake=False) * light)


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainOptions:
    """A run on drawn faces of which a part is frozen, under other names."""
    monkeypatch.setattr(training.material, "FaceDetector", DrawnFaceDetector)
    write_blotched_faces(tmp_path / "frozen", first=0)
    write_blotched_faces(tmp_path / "faces", first=100)
    shutil.copyfile(tmp_path / "frozen/real/3.png", tmp_path / "faces/real/same.png")
    cutter = FaceCutter(DrawnFaceDetector(), tmp_path / "cache", size_px=64)  # type: ignore[arg-type]  # a stand-in
    frozen = freeze_set([tmp_path / "frozen"], tmp_path / "shelf", cutter, say=lambda _: None)
    return TrainOptions(
        roots=(tmp_path / "faces",),
        output=tmp_path / "bundle",
        cache=tmp_path / "cache",
        detector=tmp_path,
        folds=2,
        size_px=64,
        frozen=frozen,
    )


def test_the_frozen_set_is_not_learnt_from(options: TrainOptions) -> None:
    """A copy of a frozen file is dropped, wherever it lies, and that is told."""
    told: list[str] = []

    material = gather(options, say=told.append)

    assert len(material.pairs) == 20
    assert "same.png" not in {item.path.name for item in material.items}
    assert [line for line in told if "frozen" in line] == [
        "left out 1 files that the frozen evaluation set holds too, or near-duplicates of"
    ]


def test_nothing_but_the_frozen_set_is_refused(options: TrainOptions, tmp_path: Path) -> None:
    """Whoever trains on the examination alone is told so."""
    with pytest.raises(TrainingError, match="nothing to learn from but the frozen"):
        gather(replace(options, roots=(tmp_path / "frozen",)), say=lambda _: None)


def test_classes_may_lie_in_different_places(options: TrainOptions, tmp_path: Path) -> None:
    """One root with real material and another with fakes are a whole."""
    for label in ("real", "fake"):
        shutil.copytree(tmp_path / "faces" / label, tmp_path / f"only_{label}" / label)
    roots = (tmp_path / "only_real", tmp_path / "only_fake")

    material = gather(replace(options, roots=roots, frozen=None), say=lambda _: None)

    assert [item.label for item in material.items].count("fake") == 10
    with pytest.raises(TrainingError, match=r"no fake material in .*only_real"):
        gather(replace(options, roots=roots[:1]), say=lambda _: None)


def test_leave_one_out_sets_a_named_split_aside(options: TrainOptions, tmp_path: Path) -> None:
    """Each source is a fold, wherever the layout put it."""
    for part in ("train", "test"):
        for label in ("real", "fake"):
            shutil.copytree(tmp_path / "faces" / label, tmp_path / "split" / part / label / f"{label}_{part}")
        shutil.rmtree(tmp_path / "faces")
        write_blotched_faces(tmp_path / "faces", first=300)
    split = replace(options, roots=(tmp_path / "split",), frozen=None)

    material = gather(replace(split, leave_one_out=True), say=lambda _: None)

    assert gather(split, say=lambda _: None).has_split
    assert not material.has_split
    assert len({(item.source, fold) for item, fold in zip(material.items, material.folds, strict=True)}) == 4
    assert len(set(material.folds)) == 4
