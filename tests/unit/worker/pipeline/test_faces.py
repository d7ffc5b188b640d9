"""Faces are found: a public-domain portrait in frames of several sizes and shapes."""

import time
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from worker.pipeline.errors import BundleError
from worker.pipeline.faces import (
    MAX_FACES,
    FaceDetector,
    LandmarkedFace,
    detect_in_picture,
    detect_landmarks_in_picture,
    find_detector,
)
from worker.pipeline.precision import Precision
from worker.pipeline.results import Box, Pixels

FACE = Box(182, 65, 88, 112)
"""Of the portrait, 512 x 512."""


@cache
def _detector(precision: Precision = "float32") -> FaceDetector:
    return FaceDetector(find_detector(), precision=precision)


def _portrait() -> Pixels:
    return np.asarray(data.astronaut(), np.uint8)


def _frame(width: int, height: int, *, face_px: int, at: tuple[int, int]) -> Pixels:
    """A grey frame with the portrait so small that its face is `face_px` high."""
    scale = face_px / FACE.h
    small = cv2.resize(_portrait(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frame = np.full((height, width, 3), 90, np.uint8)
    left, top = at
    frame[top : top + small.shape[0], left : left + small.shape[1]] = small
    return frame


def _overlap(one: Box, other: Box) -> float:
    across = max(0.0, min(one.x + one.w, other.x + other.w) - max(one.x, other.x))
    down = max(0.0, min(one.y + one.h, other.y + other.h) - max(one.y, other.y))
    return across * down / (one.w * one.h + other.w * other.h - across * down)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (960, 960), (640, 480), (514, 514)])
def test_a_face_is_found_where_it_is(width: int, height: int) -> None:
    """Landscape, portrait, square, and sizes that no grid divides."""
    frame = _frame(width, height, face_px=100, at=(30, 20))

    (face,) = _detector().detect(frame)

    expected = Box(30 + 182 * 100 / 112, 20 + 65 * 100 / 112, 88 * 100 / 112, 100)
    assert _overlap(face.box, expected) > 0.7
    assert 0.4 < face.detection <= 1


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_face_of_48_px_is_found_in_a_frame_of_1280(precision: Precision) -> None:
    """The smallest face that is judged, in the largest frame that is decoded."""
    frame = _frame(1280, 720, face_px=52, at=(800, 300))

    assert len(_detector(precision).detect(frame)) == 1


@pytest.mark.parametrize(("width", "height", "face_px"), [(1280, 720, 60), (640, 480, 100), (514, 514, 110)])
def test_bfloat16_finds_the_same_face(width: int, height: int, face_px: int) -> None:
    """What is gained in time costs no face, and hardly moves its box."""
    frame = _frame(width, height, face_px=face_px, at=(7, 5))

    (exact,), (found,) = _detector().detect(frame), _detector("bfloat16").detect(frame)

    assert _overlap(exact.box, found.box) > 0.9
    assert found.detection == pytest.approx(exact.detection, abs=0.05)


def test_smaller_faces_than_asked_for_are_left_out() -> None:
    """min_side_px is in pixels of the frame."""
    frame = _frame(1280, 720, face_px=80, at=(100, 100))

    assert _detector().detect(frame, min_side_px=100) == []


def test_a_frame_without_a_face_gives_none() -> None:
    """Plain grey shows nobody; nor does a frame of one pixel."""
    assert _detector().detect(np.full((720, 1280, 3), 128, np.uint8)) == []
    assert _detector().detect(np.zeros((1, 1, 3), np.uint8)) == []


def test_a_size_seen_before_gives_the_same_faces() -> None:
    """The network keeps nothing from one frame to the next."""
    large, small = _frame(1280, 720, face_px=100, at=(30, 20)), _frame(640, 360, face_px=70, at=(9, 0))

    first = _detector().detect(large)
    _detector().detect(small)

    assert _detector().detect(large) == first


def test_a_face_that_fills_a_picture_is_found() -> None:
    """Still pictures are looked at within a grey border; the box is in the picture's own pixels."""
    tight = _portrait()[65:177, 182:270].copy()

    (face,) = detect_in_picture(_detector(), tight)

    assert _overlap(face.box, Box(0, 0, 88, 112)) > 0.8


def test_a_small_face_in_a_large_picture_is_found_once() -> None:
    """The border shrinks what is within, so the picture is also looked at without."""
    picture = _frame(1280, 720, face_px=60, at=(800, 300))

    assert len(detect_in_picture(_detector(), picture)) == 1


POINTS = ((203.0, 101.0), (247.0, 103.0), (225.0, 127.0), (205.0, 141.0), (243.0, 142.0))
"""Of the portrait, as marked by hand: eyes, nose, corners of the mouth; left and right as in the picture."""


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (514, 514)])
def test_points_lie_on_eyes_nose_and_mouth(width: int, height: int) -> None:
    """Each of the five points is within a twelfth of the face's height of its place."""
    frame = _frame(width, height, face_px=100, at=(30, 20))

    (face,) = _detector().detect_with_landmarks(frame)

    expected = np.array(POINTS) * 100 / 112 + (30, 20)
    assert np.hypot(*(np.array(face.points) - expected).T).max() < 8


def test_points_come_with_the_same_faces() -> None:
    """Asking for points changes no box, no confidence and no order, in frames and in still pictures."""
    frame = _frame(1280, 720, face_px=100, at=(30, 20))
    frame[300 : 300 + 256, 600 : 600 + 256] = cv2.resize(_portrait(), (256, 256))
    tight = _portrait()[65:177, 182:270].copy()

    for faces, plain in (
        (_detector().detect_with_landmarks(frame), _detector().detect(frame)),
        (detect_landmarks_in_picture(_detector(), frame), detect_in_picture(_detector(), frame)),
        (detect_landmarks_in_picture(_detector(), tight), detect_in_picture(_detector(), tight)),
    ):
        assert [(face.box, face.detection) for face in faces] == [(face.box, face.detection) for face in plain]
        assert faces
    (face,) = detect_landmarks_in_picture(_detector(), tight)
    assert np.hypot(*(np.array(face.points) - POINTS + (182, 65)).T).max() < 9


def test_a_face_has_five_points() -> None:
    """Fewer are refused when the value is made."""
    with pytest.raises(ValueError, match="five points"):
        LandmarkedFace(Box(0, 0, 9, 9), 0.9, ((1.0, 2.0),))


def test_a_missing_detector_names_the_command(tmp_path: Path) -> None:
    """A clone without the weights says how to get them."""
    with pytest.raises(BundleError, match=r"no face detector at .*centerface\.onnx.*run `scripts/fetch_weights`"):
        find_detector(tmp_path / "centerface.onnx")


def test_an_altered_detector_is_refused(tmp_path: Path) -> None:
    """Every score hangs on it, so its hash is pinned."""
    path = tmp_path / "centerface.onnx"
    path.write_bytes(b"something else")

    with pytest.raises(BundleError, match="altered"):
        find_detector(path)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    """The message names the file, not the engine's stack."""
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no protobuf at all")

    with pytest.raises(BundleError, match=r"broken\.onnx is no network"):
        FaceDetector(path)


class _Network:
    """Stands in for CenterFace: answers with the same maps to every picture."""

    is_exact = True

    def __init__(self, heat: float, size: float, *, batch_size: int = 1) -> None:
        self.batch_size = batch_size
        self.shapes: list[tuple[int, ...]] = []
        self._heat, self._size = heat, size

    def run(self, canvases: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        self.shapes.append(canvases.shape)
        height, width = (side // 4 for side in canvases.shape[1:3])
        return [
            np.full((len(canvases), channels, height, width), value, np.float32)
            for channels, value in ((1, self._heat), (2, self._size), (2, 0.0), (10, 0.0))
        ]


def test_a_picture_full_of_faces_gives_the_surest_only() -> None:
    """A crowd, or a picture made to look like one everywhere, costs no more than 64 faces, and little time."""
    detector = FaceDetector(_Network(heat=0.9, size=2.0))
    frame = np.zeros((720, 1280, 3), np.uint8)

    started = time.perf_counter()
    faces = detector.detect(frame, min_side_px=1)

    assert len(faces) == MAX_FACES == 64
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("size", [1e38, np.inf, np.nan, -np.inf, 60.0])
def test_a_face_without_measure_is_none(size: float) -> None:
    """Boxes that a hostile picture blew up beyond the frame, or to no number at all, are left out."""
    detector = FaceDetector(_Network(heat=0.9, size=size))

    assert detector.detect(np.zeros((720, 1280, 3), np.uint8), min_side_px=1) == []


def test_frames_are_looked_at_in_batches_of_the_networks_size() -> None:
    """Each frame keeps its faces, in order; a network that takes one at a time is given one at a time."""
    frames = [np.zeros((360, 640, 3), np.uint8)] * 5
    network, single = _Network(heat=0.9, size=3.0, batch_size=2), _Network(heat=0.9, size=3.0)

    found, one_by_one = (FaceDetector(each).detect_each(frames) for each in (network, single))

    assert [shape[0] for shape in network.shapes] == [2, 2, 1]
    assert network.shapes[0][1:] == (224, 384, 3)
    assert [shape[0] for shape in single.shapes] == [1] * 5
    assert found == one_by_one == [FaceDetector(single).detect(frames[0])] * 5
    assert FaceDetector(network).detect_each([]) == []


class _Keeper(_Network):
    """Keeps what it is given, and sees nothing."""

    def __init__(self) -> None:
        super().__init__(0.0, 0.0, batch_size=3)
        self.given: list[NDArray[np.uint8]] = []

    def run(self, canvases: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        self.given.extend(canvas.copy() for canvas in canvases)
        return super().run(canvases)


@pytest.mark.parametrize("size", [(360, 640), (333, 517), (720, 405), (61, 33), (1, 40)])
def test_the_network_is_given_each_frame_and_black_beside_it(size: tuple[int, int]) -> None:
    """Whatever lay on the canvas before, for frames of any size, alone or several."""
    network = _Keeper()
    detector = FaceDetector(network)
    drawn = np.random.default_rng(5).integers(1, 256, (4, *size, 3), np.uint8)

    for count in (1, 3, 1, 2):
        network.given.clear()
        detector.detect(np.full((200, 200, 3), 255, np.uint8))
        detector.detect_each(list(drawn[:count]))
        for frame, canvas in zip(drawn[:count], network.given[1:], strict=True):
            height, width = (
                np.flatnonzero(canvas.any(axis=(1, 2)))[-1] + 1,
                np.flatnonzero(canvas.any(axis=(0, 2)))[-1] + 1,
            )
            expected = cv2.resize(frame, (int(width), int(height)), interpolation=cv2.INTER_AREA)
            assert np.array_equal(canvas[:height, :width], expected)
            assert abs(width / height - size[1] / size[0]) < 0.05 * size[1] / size[0] or min(size) == 1
            assert not canvas[height:].any()
            assert not canvas[:, width:].any()
