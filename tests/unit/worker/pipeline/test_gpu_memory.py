"""A GPU whose memory runs out judges fewer faces at once, and in the end none."""

import logging

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.bundles import build_bundle
from worker.pipeline.bundle import read_manifest
from worker.pipeline.classifier import Classifier
from worker.pipeline.gpu_memory import GpuMemoryError, Judged, SparingNetwork
from worker.pipeline.keras_classifier import KerasNetwork


class _Gpu:
    """Judges a crop by its first value; has memory for so many at once."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.batch_size = 32
        self.tried: list[int] = []

    def run(self, crops: NDArray[np.uint8]) -> Judged:
        self.tried.append(len(crops))
        if self.batch_size > self.room:
            raise GpuMemoryError(f"no room for {self.batch_size}")
        return _judged(crops)


class _Processor:
    batch_size = 8

    def run(self, crops: NDArray[np.uint8]) -> Judged:
        assert len(crops) <= self.batch_size
        return _judged(crops)


def _judged(crops: NDArray[np.uint8]) -> Judged:
    values = crops[:, 0, 0, 0].astype(np.float32)
    return values[:, None], np.broadcast_to(values[:, None, None], (len(crops), 7, 7))


def _crops(count: int) -> NDArray[np.uint8]:
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 224, 224, 3)).copy()


def _refuse() -> _Processor:
    raise AssertionError("the GPU has room")


def test_batches_are_halved_until_there_is_room(caplog: pytest.LogCaptureFixture) -> None:
    """Every crop keeps its logit and its map, the smaller size is kept, and an operator can read of it."""
    gpu = _Gpu(room=9)
    network = SparingNetwork(gpu, _refuse)

    with caplog.at_level(logging.WARNING):
        logits, maps = network.run(_crops(30))
    network.run(_crops(8))

    assert logits.ravel().tolist() == list(range(30))
    assert maps is not None
    assert maps[:, 3, 3].tolist() == list(range(30))
    assert (network.batch_size, network.is_on_gpu) == (8, True)
    assert gpu.tried == [30, 16, 8, 8, 8, 6, 8]
    assert "judging 8 faces at once" in caplog.text


def test_without_room_for_one_the_processor_judges(caplog: pytest.LogCaptureFixture) -> None:
    """It is asked once, keeps judging, and results say which engine judged."""
    loaded: list[_Processor] = []

    def load() -> _Processor:
        loaded.append(_Processor())
        return loaded[-1]

    gpu = _Gpu(room=0)
    network = SparingNetwork(gpu, load)

    with caplog.at_level(logging.WARNING):
        logits, _ = network.run(_crops(20))
    again, _ = network.run(_crops(8))

    assert logits.ravel().tolist() == list(range(20))
    assert again.ravel().tolist() == list(range(8))
    assert (len(loaded), network.is_on_gpu, network.batch_size) == (1, False, 8)
    assert len(gpu.tried) == 6
    assert "judging on the processor" in caplog.text


def test_the_result_names_the_engine_that_judged(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A scan that began on the GPU and ended on the processor is the processor's."""
    manifest = read_manifest(build_bundle(tmp_path_factory.mktemp("bundles") / "red"))
    classifier = Classifier(manifest, runtime="tensorflow", network=SparingNetwork(_Gpu(room=0), _Processor))
    before = classifier.runtime

    judgement = classifier.judge(_crops(40))

    assert judgement.logits.tolist() == list(range(40))
    assert (before, classifier.runtime) == ("tensorflow", "openvino")


@pytest.mark.slow
def test_what_tensorflow_says_of_memory_is_understood(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own error, raised from the compiled function, halves the batch; the judgement is that of a whole batch."""
    import tensorflow  # noqa: PLC0415 - takes seconds

    bundle = build_bundle(tmp_path_factory.mktemp("bundles") / "red", with_keras=True)
    network = KerasNetwork(bundle / "classifier.keras", size_px=224)
    expected, _ = network.run(_crops(20))
    function = network._function
    judge = function._judge

    def judge_in_little_memory(batch: NDArray[np.uint8]) -> object:
        if len(batch) > 8:
            raise tensorflow.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\nmore")
        return judge(batch)

    monkeypatch.setattr(function, "_judge", judge_in_little_memory)
    found, _ = SparingNetwork(network, _refuse).run(_crops(20))

    assert network.batch_size == 8
    assert found == pytest.approx(expected, abs=1e-4)
