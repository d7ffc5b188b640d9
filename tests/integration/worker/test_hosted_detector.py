"""Several processes have their faces found by one network host; here it has a processor to do so."""

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from worker.network_keeping import NetworkKeeper
from worker.pipeline.detector_loading import load_detector_network
from worker.pipeline.faces import FaceDetector, find_detector
from worker.pipeline.host_wire import NO_GPU_NOTE
from worker.pipeline.openvino_detector import OpenvinoDetector
from worker.pipeline.results import DetectedFace, Pixels
from worker.settings import Settings

pytestmark = pytest.mark.slow  # TensorFlow takes seconds to load


@pytest.fixture
def folder() -> Iterator[Path]:
    """For the socket, whose path must be short."""
    with tempfile.TemporaryDirectory(prefix="fs-") as name:
        yield Path(name)


@cache
def _on_processor() -> FaceDetector:
    return FaceDetector(find_detector())


def _frames(width: int, height: int, *, count: int) -> list[Pixels]:
    """Frames in which a face moves to the right, and one without."""
    portrait = cv2.resize(np.asarray(data.astronaut(), np.uint8), (300, 300), interpolation=cv2.INTER_AREA)
    frames = [np.full((height, width, 3), 90, np.uint8) for _ in range(count + 1)]
    for place, frame in enumerate(frames[:-1]):
        frame[20:320, 10 * place : 10 * place + 300] = portrait
    return frames


def _same(found: list[list[DetectedFace]], frames: list[Pixels]) -> bool:
    said = [_on_processor().detect(frame) for frame in frames]
    return [len(faces) for faces in found] == [1] * (len(frames) - 1) + [0] and all(
        abs(one.box.x - other.box.x) < 0.05
        and abs(one.box.h - other.box.h) < 0.05
        and abs(one.detection - other.detection) < 1e-3
        for faces, others in zip(found, said, strict=True)
        for one, other in zip(faces, others, strict=True)
    )


def _look(host: Path, frames: list[Pixels]) -> tuple[list[list[DetectedFace]], int, bool]:
    """In a process of its own: the faces, how many frames it asks about at once, and whether it has TensorFlow."""
    detector = FaceDetector(load_detector_network(find_detector(), device="gpu", host=host))
    return detector.detect_each(frames), detector.batch_size, "tensorflow" in sys.modules


def test_processes_have_their_faces_found_by_one_host(folder: Path) -> None:
    """Frames of two sizes from four at once: each gets its own faces, and none loads TensorFlow."""
    asked = [_frames(640 + 320 * (place % 2), 360, count=4 + place) for place in range(4)]
    settings = Settings(home=folder, precision="float32")

    with (
        NetworkKeeper(folder, settings, takes="any") as keeper,
        ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as processes,
    ):
        answers = [processes.submit(_look, keeper.address, frames) for frames in asked]
        found = [answer.result() for answer in answers]

    for (faces, batch_size, has_tensorflow), frames in zip(found, asked, strict=True):
        assert _same(faces, frames)
        assert (batch_size, has_tensorflow) == (4, False)


def test_a_dead_host_costs_no_face(folder: Path) -> None:
    """The frames that it was asked about are looked at on the processor, and those that follow."""
    frames = _frames(640, 360, count=5)
    settings = Settings(home=folder, precision="float32")
    with NetworkKeeper(folder, settings, takes="any", first_pause_s=600.0) as keeper:
        network = load_detector_network(find_detector(), device="gpu", host=keeper.address)
        detector = FaceDetector(network)
        before, size = detector.detect_each(frames), detector.batch_size
        assert keeper.host_pid is not None
        os.kill(keeper.host_pid, signal.SIGKILL)
        # What connects to a host that is not there yet waits for it: here it never comes.
        keeper.address.unlink()
        after = detector.detect_each(frames)

    assert _same(before, frames)
    assert _same(after, frames)
    assert (size, detector.batch_size) == (4, 1)


def test_a_host_without_a_gpu_leaves_faces_to_the_processor(folder: Path) -> None:
    """As on a machine whose driver is broken."""
    with NetworkKeeper(folder, Settings(home=folder), takes="gpu") as keeper:
        end_s = time.monotonic() + 60
        while not (folder / NO_GPU_NOTE).exists():
            assert time.monotonic() < end_s, "the host says nothing"
            time.sleep(0.05)
        network = load_detector_network(find_detector(), device="gpu", host=keeper.address)

    assert isinstance(network, OpenvinoDetector)
