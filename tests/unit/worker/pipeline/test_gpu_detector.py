"""Faces are found on a GPU while it is of use, and on the processor from then on."""

import logging

import numpy as np
import pytest
from numpy.typing import NDArray

from worker.pipeline.detector_loading import load_detector_network
from worker.pipeline.faces import find_detector
from worker.pipeline.gpu_detector import FRAMES_AT_ONCE, SparingDetector
from worker.pipeline.gpu_memory import GpuLostError, GpuMemoryError
from worker.pipeline.openvino_detector import OpenvinoDetector


class _Gpu:
    """Says the first value of each canvas, until it fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def run(self, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        if self.error is not None:
            raise self.error
        return _said(pictures)


class _Processor:
    """Says the same, one by one, always in the same memory."""

    batch_size = 1
    is_exact = False

    def __init__(self) -> None:
        self._memory = _said(np.zeros((1, 32, 32, 3), np.uint8))

    def run(self, canvases: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        for place, said in zip(self._memory, _said(canvases), strict=True):
            place[:] = said
        return self._memory


def _said(pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    values = pictures[:, :1, :1, 0].astype(np.float32)
    return [values, -values]


def _canvases(*values: int) -> NDArray[np.uint8]:
    return np.broadcast_to(np.array(values, np.uint8)[:, None, None, None], (len(values), 32, 32, 3)).copy()


@pytest.mark.parametrize("error", [GpuLostError("the network host is gone"), GpuMemoryError("OOM")])
def test_a_gpu_that_is_lost_hands_over(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """For good, within a batch whose frames all get their answers, and an operator can read of it."""
    gpu, loaded = _Gpu(), []

    def load() -> _Processor:
        loaded.append("processor")
        return _Processor()

    network = SparingDetector(gpu, load, is_exact=True)
    before = (network.run(_canvases(1, 2)), network.batch_size, network.is_exact)
    gpu.error = error
    with caplog.at_level(logging.WARNING):
        found = network.run(_canvases(3, 4, 5))
    gpu.error = None
    again = network.run(_canvases(6))

    assert [output.ravel().tolist() for output in before[0]] == [[1, 2], [-1, -2]]
    assert before[1:] == (FRAMES_AT_ONCE, True)
    assert [output.ravel().tolist() for output in found] == [[3, 4, 5], [-3, -4, -5]]
    assert [output.ravel().tolist() for output in again] == [[6], [-6]]
    assert (network.batch_size, network.is_exact, loaded) == (1, False, ["processor"])
    assert f"{error}: finding faces on the processor" in caplog.text


def test_the_processor_is_asked_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks for a GPU then; and where none is likely, neither."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    for device in ("cpu", "auto"):
        network = load_detector_network(find_detector(), device=device)  # type: ignore[arg-type]  # one of the words
        assert isinstance(network, OpenvinoDetector)
        assert (network.batch_size, network.is_exact) == (1, True)


@pytest.mark.slow
def test_without_a_gpu_the_processor_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one seemed likely, too: it is for the classifier to insist."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    assert isinstance(load_detector_network(find_detector(), device="gpu"), OpenvinoDetector)
