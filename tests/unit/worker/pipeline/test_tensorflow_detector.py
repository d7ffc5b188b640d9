"""Faces are the same whichever engine runs the detector's network; TensorFlow's runs on a processor here."""

from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from worker.pipeline.errors import BundleError
from worker.pipeline.faces import FaceDetector, find_detector
from worker.pipeline.gpu_detector import SparingDetector
from worker.pipeline.gpu_memory import GpuMemoryError
from worker.pipeline.openvino_detector import OpenvinoDetector
from worker.pipeline.results import Box, Pixels
from worker.pipeline.tensorflow_detector import TensorflowDetector

pytestmark = pytest.mark.slow  # TensorFlow takes seconds to load


@cache
def _on_tensorflow() -> TensorflowDetector:
    return TensorflowDetector(find_detector())


def _looking_on_tensorflow() -> FaceDetector:
    return FaceDetector(SparingDetector(_on_tensorflow(), _refuse, is_exact=True))


def _refuse() -> OpenvinoDetector:
    raise AssertionError("there is memory")


@cache
def _on_openvino() -> OpenvinoDetector:
    return OpenvinoDetector(find_detector())


def _frame(width: int, height: int) -> Pixels:
    """Two portraits on noise, of 300 and of 260 px."""
    frame = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    portrait = np.asarray(data.astronaut(), np.uint8)
    frame[9:309, 5:305] = cv2.resize(portrait, (300, 300), interpolation=cv2.INTER_AREA)
    frame[60:320, 340:600] = cv2.resize(portrait[:, ::-1], (260, 260), interpolation=cv2.INTER_AREA)
    return frame


def _canvases(count: int, height: int, width: int) -> NDArray[np.uint8]:
    """Noise, but for the first, which is two faces."""
    canvases = np.random.default_rng(count).integers(0, 256, (count, height, width, 3), np.uint8)
    canvases[0] = cv2.resize(_frame(640, 360), (width, height), interpolation=cv2.INTER_AREA)
    return canvases


@pytest.mark.parametrize(
    ("count", "height", "width"), [(1, 224, 384), (3, 96, 160), (2, 160, 96), (5, 32, 32), (4, 64, 320), (1, 448, 768)]
)
def test_every_output_is_that_of_openvino(count: int, height: int, width: int) -> None:
    """In order, layout and type, for any size and any number."""
    canvases = _canvases(count, height, width)

    found = _on_tensorflow().run(canvases)

    for place, canvas in enumerate(canvases):
        said = _on_openvino().run(canvas[None])
        assert [output.shape[1:] for output in found] == [output.shape[1:] for output in said]
        for one, other in zip(found, said, strict=True):
            assert one.dtype == np.float32
            assert len(one) == count
            assert one[place] == pytest.approx(other[0], abs=1e-3)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (602, 414), (645, 640)])
def test_the_same_faces_are_found(width: int, height: int) -> None:
    """Boxes and points lie within a twentieth of a pixel, and faces are as sure."""
    frame = _frame(width, height)

    found = _looking_on_tensorflow().detect_with_landmarks(frame)
    said = FaceDetector(find_detector()).detect_with_landmarks(frame)

    assert len(found) == len(said) == 2
    for one, other in zip(found, said, strict=True):
        assert _sides(one.box) == pytest.approx(_sides(other.box), abs=0.05)
        assert np.array(one.points) == pytest.approx(np.array(other.points), abs=0.05)
        assert one.detection == pytest.approx(other.detection, abs=1e-3)


def test_frames_of_a_batch_have_each_their_own_faces() -> None:
    """Faces of several frames that are looked at together are those of each alone."""
    frame = _frame(640, 360)
    frames = [frame, np.zeros_like(frame), frame[:, ::-1].copy()]

    found = _looking_on_tensorflow().detect_each(frames)
    said = [FaceDetector(find_detector()).detect(each) for each in frames]

    assert [len(faces) for faces in found] == [2, 0, 2]
    for faces, others in zip(found, said, strict=True):
        for one, other in zip(faces, others, strict=True):
            assert _sides(one.box) == pytest.approx(_sides(other.box), abs=0.05)


def test_half_the_bits_find_the_same_faces() -> None:
    """In float16 no value grows beyond what it can hold, and boxes move by less than a fiftieth of their sides."""
    network = TensorflowDetector(find_detector(), precision="auto")
    frame = _frame(640, 360)

    outputs = network.run(_canvases(2, 224, 384))
    found = FaceDetector(SparingDetector(network, _refuse, is_exact=False)).detect(frame)
    said = FaceDetector(_on_openvino()).detect(frame)

    assert all(output.dtype == np.float32 and np.isfinite(output).all() for output in outputs)
    assert len(found) == len(said) == 2
    for one, other in zip(found, said, strict=True):
        assert _sides(one.box) == pytest.approx(_sides(other.box), abs=other.box.h / 50)
        assert one.detection == pytest.approx(other.detection, abs=0.02)


@pytest.mark.parametrize(
    ("shape", "is_taken"),
    [
        ((32, 768, 3), True),
        ((768, 768, 3), True),
        ((800, 32, 3), False),
        ((32, 48, 3), False),
        ((0, 32, 3), False),
        ((32, 32, 1), False),
    ],
)
def test_only_canvases_are_taken(shape: tuple[int, int, int], is_taken: bool) -> None:  # noqa: FBT001 - a column
    """What no detector asks for could take all of a GPU's memory."""
    assert _on_tensorflow().takes(shape) == is_taken


def test_what_tensorflow_says_of_memory_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own error is the one that whoever spares a GPU knows."""
    import tensorflow  # noqa: PLC0415 - takes seconds

    network = TensorflowDetector(find_detector())

    def look_without_memory(_: object) -> object:
        raise tensorflow.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\nmore")

    monkeypatch.setattr(network, "_look", look_without_memory)

    with pytest.raises(GpuMemoryError, match=r"^OOM when allocating tensor$"):
        network.run(_canvases(1, 32, 32))


def test_a_file_that_is_no_network_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The message names the file."""
    path = tmp_path_factory.mktemp("broken") / "broken.onnx"
    path.write_bytes(b"no protobuf at all")

    with pytest.raises(BundleError, match=r"broken\.onnx is no network"):
        TensorflowDetector(path)


def _sides(box: Box) -> tuple[float, float, float, float]:
    return box.x, box.y, box.w, box.h
