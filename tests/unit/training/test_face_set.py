"""Cut faces as they lie on disk, and where their points lie."""

from pathlib import Path

import numpy as np

from training.face_set import (
    FaceSet,
    HeldFaces,
    largest_faces,
    load_face_set,
    points_in_crop,
    save_face_set,
    spread_evenly,
)
from worker.pipeline.preprocessing import crop_face
from worker.pipeline.results import Box


def _faces(count: int = 3) -> FaceSet:
    rng = np.random.default_rng(0)
    return FaceSet(
        sha256="ab" * 32,
        pixels=HeldFaces(
            rng.integers(0, 256, (count, 8, 8, 3), np.uint8), rng.integers(0, 256, (count, 10, 10, 3), np.uint8)
        ),
        frames=np.arange(count) // 2,
        detections=rng.random(count),
        boxes=rng.uniform(10, 90, (count, 4)),
        landmarks=rng.uniform(0, 99, (count, 5, 2)),
        times_s=np.arange(4.0),
        prints=rng.integers(0, 256, (2, 4, 32), np.uint8),
    )


def test_a_face_set_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    """Every array is the same, and the pixels are mapped from their file."""
    faces = _faces()
    save_face_set(tmp_path / "ab" / "one", faces)

    loaded = load_face_set(tmp_path / "ab" / "one", faces.sha256)

    assert loaded is not None
    for name in ("crops", "wide", "frames", "detections", "boxes", "landmarks", "times_s", "prints"):
        assert np.array_equal(getattr(loaded, name), getattr(faces, name)), name
    assert isinstance(loaded.wide, np.memmap)
    assert len(loaded) == 3


def test_what_is_missing_or_damaged_is_none(tmp_path: Path) -> None:
    """A cache that lost a file, or holds half of one, is cut anew."""
    base = tmp_path / "one"
    assert load_face_set(base, "ab") is None
    for broken in ("one-facts.npz", "one-wide.npy", "one-exact.npy"):
        save_face_set(base, _faces())
        (tmp_path / broken).unlink()
        assert load_face_set(base, "ab") is None, broken
    for broken in ("one-wide.npy", "one-exact.npy"):
        save_face_set(base, _faces())
        (tmp_path / broken).write_bytes((tmp_path / broken).read_bytes()[:-1])
        assert load_face_set(base, "ab") is None, broken
    save_face_set(base, _faces())
    whole = (tmp_path / "one-facts.npz").read_bytes()
    for cut in (0, 20, len(whole) // 2, len(whole) - 4):
        (tmp_path / "one-facts.npz").write_bytes(whole[:cut])
        assert load_face_set(base, "ab") is None, cut


def test_a_set_without_faces_is_kept_too(tmp_path: Path) -> None:
    """A video in which nobody was found is not decoded again."""
    save_face_set(tmp_path / "none", _faces(0))

    loaded = load_face_set(tmp_path / "none", "ab")

    assert loaded is not None
    assert len(loaded) == 0
    assert len(loaded.largest) == 0
    assert len(loaded.printed) == 0


def test_the_largest_face_of_each_frame_is_the_one_labelled() -> None:
    """Frames without a face have none; of two faces the longer side counts."""
    frames = np.array([0, 0, 2, 2])
    boxes = np.array([[0, 0, 50, 60], [0, 0, 61, 20], [0, 0, 30, 30], [0, 0, 29, 29]], np.float64)

    assert largest_faces(frames, boxes).tolist() == [1, 2]


def test_places_are_spread_from_first_to_last() -> None:
    """At most as many as asked for, each once."""
    assert spread_evenly(np.arange(10), 4).tolist() == [0, 3, 6, 9]
    assert spread_evenly(np.arange(2), 4).tolist() == [0, 1]
    assert spread_evenly(np.arange(0), 4).tolist() == []


def test_points_move_with_the_crop() -> None:
    """A point of the picture is found at the same place in the crop that is cut around the face."""
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[98:103, 148:153] = 255
    box = Box(120.4, 70.3, 61.0, 77.7)

    crop = crop_face(picture, box, size_px=276, margin=1.6)
    (point,) = points_in_crop(np.array([[150.5, 100.5]]), box, margin=1.6, size_px=276)

    rows, columns = np.nonzero(crop[:, :, 0] > 127)
    assert abs(point[0] - (columns.mean() + 0.5)) < 1.0
    assert abs(point[1] - (rows.mean() + 0.5)) < 1.0
