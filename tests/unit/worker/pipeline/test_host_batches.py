"""What several processes ask of one network goes through it together, in batches of few sizes."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from worker.pipeline.gpu_memory import GpuMemoryError
from worker.pipeline.host_batches import BATCH_SIZES, BatchingNetwork, next_size, take_together
from worker.pipeline.host_wire import NetworkName, Request

ONE = NetworkName("classifier", "/bundles/one", "1" * 64)
OTHER = NetworkName("classifier", "/bundles/other", "2" * 64)


@dataclass(frozen=True)
class _Client:
    name: str
    request: Request


class _Gpu:
    batch_sizes = BATCH_SIZES

    """Says the first value of each picture, and has memory for so many at once."""

    def __init__(self, room: int = 128) -> None:
        self.room = room
        self.batches: list[int] = []

    def run(self, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        self.batches.append(len(pictures))
        if len(pictures) > self.room:
            raise GpuMemoryError(f"no room for {len(pictures)}")
        values = pictures[:, 0, 0, 0].astype(np.float32)
        return [values[:, None], np.broadcast_to(values[:, None, None], (len(pictures), 7, 7))]

    def takes(self, shape: tuple[int, int, int]) -> bool:
        return shape == (4, 4, 3)


def _client(name: str, count: int, *, network: NetworkName = ONE, side_px: int = 4) -> _Client:
    return _Client(name, Request(network, (count, side_px, side_px, 3)))


def _pictures(count: int) -> NDArray[np.uint8]:
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 4, 4, 3)).copy()


def _names(clients: list[_Client]) -> str:
    return "".join(client.name for client in clients)


def test_those_who_want_the_same_go_together() -> None:
    """The first decides: another network, or pictures of another size, wait for their turn."""
    waiting = [
        _client("a", 5),
        _client("b", 5, network=OTHER),
        _client("c", 0),
        _client("d", 5, side_px=8),
        _client("e", 32),
    ]

    assert _names(take_together(waiting)) == "ace"
    assert _names(take_together(waiting[1:])) == "b"


def test_a_batch_is_bounded_and_nobody_is_passed_over_twice() -> None:
    """Who does not fit is first next time, whatever it wants; smaller ones fill the rest."""
    waiting = [_client("a", 100), _client("b", 40), _client("c", 20), _client("d", 8), _client("e", 1)]

    assert _names(take_together(waiting)) == "acd"
    assert _names(take_together([waiting[1], waiting[4], waiting[0]])) == "be"


def test_large_pictures_make_small_batches() -> None:
    """A batch holds so many bytes at most; one client's request is taken in any case."""
    large = [_client(name, 16, side_px=2048) for name in "abc"]

    assert _names(take_together(large)) == "a"


@pytest.mark.parametrize(
    ("remaining", "largest", "size"),
    [
        (1, 128, 8),
        (8, 128, 8),
        (9, 128, 8),
        (16, 128, 32),
        (33, 128, 32),
        (63, 128, 32),
        (64, 128, 128),
        (128, 128, 128),
        (100, 64, 64),
        (20, 4, 4),
        (3, 1, 1),
    ],
)
def test_a_size_is_at_least_half_used(remaining: int, largest: int, size: int) -> None:
    """The smallest that holds all, if that is not mostly filling; else the largest that is full."""
    assert next_size(remaining, largest) == size


@given(count=st.integers(0, 300), room=st.integers(1, 300))
def test_every_picture_gets_its_own_answer(count: int, room: int) -> None:
    """In the order of the pictures, whatever the batches, and these have few sizes."""
    gpu = _Gpu(room)
    network = BatchingNetwork(gpu)
    pictures = _pictures(256)[np.arange(count) % 256]

    found = network.run(pictures)

    for array in found:
        assert array.reshape(count, -1)[:, 0].tolist() == [float(number % 256) for number in range(count)]
    assert set(gpu.batches) <= {*BATCH_SIZES, 64, 16, 4, 2, 1}
    assert len(set(gpu.batches) & {64, 16, 4, 2, 1}) <= 7


def test_memory_that_ran_out_halves_the_batch() -> None:
    """The pictures are judged nevertheless, and the next are not tried in vain."""
    gpu = _Gpu(room=20)
    network = BatchingNetwork(gpu)

    logits, _ = network.run(_pictures(128))
    tried, gpu.batches = gpu.batches, []
    network.run(_pictures(128))

    assert logits.ravel().tolist() == list(range(128))
    assert tried == [128, 64, 32, *[16] * 8]
    assert (network.largest, gpu.batches) == (16, [16] * 8)


def test_without_memory_for_one_it_says_so() -> None:
    """Then nothing is left to halve."""
    with pytest.raises(GpuMemoryError):
        BatchingNetwork(_Gpu(room=0)).run(_pictures(3))
