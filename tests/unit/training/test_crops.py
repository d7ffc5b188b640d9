"""Faces are cut for training as they are cut for scanning, once, and broken files are skipped."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import training.crops
import worker.pipeline.preprocessing
from tests.drawing import cut_off, draw_video, overwrite_middle
from tests.unit.training.faces import FACE, DrawnFaceDetector, draw_face
from training.crops import FaceCutter, cut_all
from training.dataset import Item
from training.errors import TrainingError
from training.views import View, draw_view
from worker.pipeline.faces import LandmarkedFace
from worker.pipeline.preprocessing import crop_face
from worker.pipeline.results import Pixels


def _write(path: Path, picture: np.ndarray) -> Item:
    cv2.imwrite(str(path), np.ascontiguousarray(picture[:, :, ::-1]))
    return Item(path, "image", "real", "drawn")


def _cutter(tmp_path: Path) -> FaceCutter:
    return FaceCutter(DrawnFaceDetector(), tmp_path / "cache")  # type: ignore[arg-type]  # the same one method


def test_training_crop_is_the_scanned_crop_byte_for_byte(tmp_path: Path) -> None:
    """What a clean view holds is what scanning gives the network, colour order included."""
    picture = draw_face(3, is_fake=False)
    item = _write(tmp_path / "face.png", picture)

    faces = _cutter(tmp_path).cut(item)
    view = draw_view(faces, View(0, 0, "clean", 0, is_fake=False), seed=0)

    assert np.array_equal(view, crop_face(picture, FACE, size_px=224))
    assert np.array_equal(view, faces.crops[0])


def test_training_and_scanning_share_one_function() -> None:
    """There is one cropping function, not two alike."""
    assert training.crops.crop_face is worker.pipeline.preprocessing.crop_face


def test_red_is_first(tmp_path: Path) -> None:
    """Crops are RGB, whatever the picture library's order is."""
    picture = np.zeros((96, 96, 3), np.uint8)
    picture[:, :, 0] = 200

    faces = _cutter(tmp_path).cut(_write(tmp_path / "red.png", picture))

    assert faces.crops[0, :, :, 0].mean() == 200
    assert faces.crops[0, :, :, 2].mean() == 0


def test_second_cut_comes_from_the_cache(tmp_path: Path) -> None:
    """A content that was cut before is read back equal, without the detector."""
    item = _write(tmp_path / "face.png", draw_face(3, is_fake=False))
    first = _cutter(tmp_path).cut(item)

    class Forbidden(DrawnFaceDetector):
        def detect_with_landmarks(self, pixels: Pixels, *, min_side_px: int = 48) -> list[LandmarkedFace]:
            del pixels, min_side_px
            raise AssertionError("the cache was not used")

    second = FaceCutter(Forbidden(), tmp_path / "cache").cut(item)  # type: ignore[arg-type]  # as above

    names = ("crops", "wide", "frames", "detections", "boxes", "landmarks", "times_s", "prints")
    assert all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)
    assert isinstance(second.crops, np.memmap)


def test_broken_and_faceless_files_are_listed_and_skipped(tmp_path: Path) -> None:
    """A text named .jpg and a black picture are named with the reason, and the rest is used."""
    good = _write(tmp_path / "good.png", draw_face(3, is_fake=False))
    black = _write(tmp_path / "black.png", np.zeros((96, 96, 3), np.uint8))
    (tmp_path / "text.jpg").write_text("no picture", encoding="utf-8")
    (tmp_path / "text.mp4").write_text("no video", encoding="utf-8")
    broken = [
        Item(tmp_path / "text.jpg", "image", "real", "drawn"),
        Item(tmp_path / "text.mp4", "video", "real", "drawn"),
        Item(tmp_path / "gone.jpg", "image", "real", "drawn"),
    ]

    usable, skipped = cut_all([good, black, *broken], _cutter(tmp_path))

    assert [item for item, _ in usable] == [good]
    assert [skip.path.name for skip in skipped] == ["black.png", "text.jpg", "text.mp4", "gone.jpg"]
    assert skipped[0].why == "no face found"


def test_nothing_usable_is_an_error(tmp_path: Path) -> None:
    """Without any face the run ends with the first reason."""
    black = _write(tmp_path / "black.png", np.zeros((96, 96, 3), np.uint8))

    with pytest.raises(TrainingError, match="no face found"):
        cut_all([black], _cutter(tmp_path))


def _is_used_or_skipped(item: Item, tmp_path: Path) -> bool:
    """Cut beside a good picture, so that the run goes on; whether the file was used."""
    good = _write(tmp_path / "good.png", draw_face(3, is_fake=False))

    usable, skipped = cut_all([good, item], _cutter(tmp_path))

    assert usable[0][0] == good
    assert len(usable) + len(skipped) == 2
    assert all(skip.why for skip in skipped)
    return len(usable) == 2


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp"])
def test_damaged_pictures_end_no_run(tmp_path: Path, suffix: str) -> None:
    """Cut off, overwritten or filled with noise: each is used or listed with a reason."""
    whole = cv2.imencode(suffix, draw_face(5, is_fake=True)[:, :, ::-1])[1].tobytes()
    rng = np.random.default_rng(0)
    used = 0
    for number in range(24):
        damaged = bytearray(whole)
        if number % 3 == 0:
            damaged = damaged[: int(rng.integers(0, len(whole)))]
        else:
            start = int(rng.integers(0, len(whole) - 1))
            damaged[start : start + number] = rng.bytes(len(damaged[start : start + number]))
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(damaged)
        used += _is_used_or_skipped(Item(path, "image", "fake", "drawn"), tmp_path)

    assert used < 24
    # Damage to pixels alone is no reason to lose a picture, but for formats that check their sums.
    assert used > 0 or suffix == ".png"


def test_what_is_no_file_ends_no_run(tmp_path: Path) -> None:
    """A directory, an empty file, and a picture with a video's name are listed."""
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "empty.mp4").write_bytes(b"")
    _write(tmp_path / "picture.png", draw_face(4, is_fake=False)).path.rename(tmp_path / "picture.mp4")

    for name, kind in (("folder.jpg", "image"), ("empty.mp4", "video"), ("picture.mp4", "video")):
        assert not _is_used_or_skipped(Item(tmp_path / name, kind, "real", "drawn"), tmp_path)  # type: ignore[arg-type]  # both kinds


@pytest.mark.slow
def test_damaged_videos_end_no_run(tmp_path: Path) -> None:
    """Cut off and overwritten videos are used as far as they go, or listed."""
    video = draw_video(tmp_path / "whole.mp4", seconds=1.0, size=(128, 128))
    damaged = [cut_off(video, tmp_path / f"cut{n}.mp4", share=n / 10) for n in (1, 5, 9)]
    damaged += [overwrite_middle(video, tmp_path / f"over{n}.mp4", share=n / 10) for n in (1, 5)]

    for path in damaged:
        _is_used_or_skipped(Item(path, "video", "real", "drawn"), tmp_path)


def test_a_cache_that_cannot_be_written_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is no fault of the pictures: it would skip them all."""

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training.crops, "save_face_set", refuse)

    with pytest.raises(TrainingError, match=r"faces cannot be kept at .*No space left"):
        cut_all([_write(tmp_path / "face.png", draw_face(3, is_fake=False))], _cutter(tmp_path))


def test_a_damaged_cache_is_cut_anew(tmp_path: Path) -> None:
    """Half of a file in the cache is no reason to fail, nor to use it."""
    item = _write(tmp_path / "face.png", draw_face(3, is_fake=False))
    first = np.array(_cutter(tmp_path).cut(item).crops)
    for kept in (tmp_path / "cache").glob("*/*"):
        kept.write_bytes(kept.read_bytes()[: kept.stat().st_size // 2])

    assert np.array_equal(_cutter(tmp_path).cut(item).crops, first)
