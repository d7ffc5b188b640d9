"""A frozen set cannot drift, and nothing of it is learnt from."""

import shutil
from pathlib import Path

import cv2
import pytest

from tests.unit.training.faces import DrawnFaceDetector, draw_face, write_faces
from training.crops import FaceCutter
from training.dataset import Item, discover_items
from training.errors import TrainingError
from training.freezing import freeze_set, frozen_places
from training.frozen_set import FrozenSet, open_frozen_set


@pytest.fixture
def cutter(tmp_path: Path) -> FaceCutter:
    """Finds the drawn faces."""
    return FaceCutter(DrawnFaceDetector(), tmp_path / "cache", size_px=64)  # type: ignore[arg-type]  # a stand-in


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Twelve real and twelve fake pictures."""
    write_faces(tmp_path / "faces", sources=2, count=6)
    return tmp_path / "faces"


def freeze(faces: Path, tmp_path: Path, cutter: FaceCutter, told: list[str] | None = None) -> FrozenSet:
    """Freezes a directory on the shelf of the test."""
    say = (lambda _: None) if told is None else told.append
    return freeze_set([faces], tmp_path / "shelf", cutter, say=say)


def test_the_same_material_is_the_same_set(faces: Path, tmp_path: Path, cutter: FaceCutter) -> None:
    """The hash comes from contents and labels: neither the place nor the names of the files matter."""
    first = freeze(faces, tmp_path, cutter)
    moved = shutil.copytree(faces, tmp_path / "elsewhere")
    (moved / "real" / "real_0" / "0.png").rename(moved / "real" / "real_0" / "renamed.png")

    second = freeze_set([moved], tmp_path / "other shelf", cutter, say=lambda _: None)

    assert first.sha256 == second.sha256
    assert first.counts == {"fake images": 12, "real images": 12}
    items = discover_items(second.directory)
    assert sorted({item.source for item in items}) == ["fake_0", "fake_1", "real_0", "real_1"]
    assert all(item.path.is_file() for item in items)


def test_freezing_again_makes_nothing_new(faces: Path, tmp_path: Path, cutter: FaceCutter) -> None:
    """The same set is found where it lies."""
    first, second = freeze(faces, tmp_path, cutter), freeze(faces, tmp_path, cutter)

    assert first == second
    assert len(list((tmp_path / "shelf").iterdir())) == 1


@pytest.mark.parametrize("name", ["a picture", "manifest.csv", "frozen.json"])
@pytest.mark.parametrize("change", ["altered", "gone"])
def test_a_change_is_refused(faces: Path, tmp_path: Path, cutter: FaceCutter, name: str, change: str) -> None:
    """Another byte in a picture, another label in a list, a missing file: the set is not used."""
    frozen = freeze(faces, tmp_path, cutter)
    path = frozen.directory / (frozen.files[3].name if name == "a picture" else name)
    content = path.read_bytes()
    path.unlink()
    if change == "altered":
        path.write_bytes(content.replace(b"real", b"fake") if name != "a picture" else content + b"!")

    with pytest.raises(TrainingError, match=r"altered|lacks|no frozen set"):
        open_frozen_set(frozen.directory, frozen.sha256)


def test_freezing_the_same_material_again_mends_a_set(faces: Path, tmp_path: Path, cutter: FaceCutter) -> None:
    """What the message advises works."""
    frozen = freeze(faces, tmp_path, cutter)
    (frozen.directory / frozen.files[0].name).unlink()

    assert freeze(faces, tmp_path, cutter) == frozen
    assert len(list((tmp_path / "shelf").iterdir())) == 1


def test_another_set_at_its_place_is_refused(faces: Path, tmp_path: Path, cutter: FaceCutter) -> None:
    """A set that is whole, but not the one that was frozen, is not taken for it."""
    frozen = freeze(faces, tmp_path, cutter)

    with pytest.raises(TrainingError, match="altered"):
        open_frozen_set(frozen.directory, "0" * 64)


def test_too_little_is_not_frozen(tmp_path: Path, cutter: FaceCutter) -> None:
    """A handful of pictures can tell no two classifiers apart."""
    write_faces(tmp_path / "few", sources=1, count=9)

    with pytest.raises(TrainingError, match="9 fake images, 9 real images with faces; it takes 10 real"):
        freeze(tmp_path / "few", tmp_path, cutter)


def test_only_the_test_part_is_frozen(tmp_path: Path, cutter: FaceCutter) -> None:
    """Of a layout with splits, what others learn from stays out."""
    write_faces(tmp_path / "split" / "train", sources=1, count=12, seed=1)
    write_faces(tmp_path / "split" / "test", sources=1, count=10, seed=2)

    frozen = freeze(tmp_path / "split", tmp_path, cutter)

    assert frozen.counts == {"fake images": 10, "real images": 10}


def test_splits_without_a_test_part_are_refused(tmp_path: Path, cutter: FaceCutter) -> None:
    """What was meant for training and validation is no examination."""
    write_faces(tmp_path / "split" / "train", sources=1, count=12)

    with pytest.raises(TrainingError, match="no test part"):
        freeze(tmp_path / "split", tmp_path, cutter)


def test_broken_files_are_left_out_and_copies_count_once(faces: Path, tmp_path: Path, cutter: FaceCutter) -> None:
    """A file that cannot be read is told; a content that lies there twice is one file."""
    whole = freeze(faces, tmp_path, cutter)
    (faces / "real" / "real_0" / "broken.png").write_bytes(b"no picture")
    shutil.copyfile(faces / "real" / "real_0" / "1.png", faces / "real" / "real_0" / "copy.png")
    told: list[str] = []

    again = freeze(faces, tmp_path, cutter, told)

    assert again.sha256 == whole.sha256
    assert len(told) == 1
    assert "broken.png" in told[0]


def test_one_content_with_both_labels_is_refused(faces: Path, tmp_path: Path, cutter: FaceCutter) -> None:
    """The message names both files."""
    shutil.copyfile(faces / "real" / "real_0" / "1.png", faces / "fake" / "fake_0" / "wrong.png")

    with pytest.raises(TrainingError, match=r"(?s)wrong\.png.*1\.png.*same content"):
        freeze(faces, tmp_path, cutter)


def test_copies_and_near_duplicates_of_the_set_are_found(faces: Path, tmp_path: Path, cutter: FaceCutter) -> None:
    """The same bytes elsewhere and the same picture saved again belong to the set, another face does not."""
    frozen = freeze(faces, tmp_path, cutter)
    original = faces / "real" / "real_1" / "2.png"
    resaved = tmp_path / "resaved.jpg"
    cv2.imwrite(str(resaved), cv2.imread(str(original)), [cv2.IMWRITE_JPEG_QUALITY, 70])
    other = tmp_path / "other.png"
    cv2.imwrite(str(other), draw_face(987_654, is_fake=False))
    cut = [cutter.cut(Item(path, "image", "real", "s")) for path in (other, resaved, original)]

    assert frozen_places(cut, frozen, cutter) == [1, 2]
