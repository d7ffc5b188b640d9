"""Makes common batches of what several processes ask of one network.

While one batch runs, requests gather; then all that wait for the same network go together. So batches grow with the
load by themselves and nobody ever waits for company, which is batching without a delay in the words of Clipper
(Crankshaw et al., "Clipper: A Low-Latency Online Prediction Serving System", NSDI 2017, section 4.3).
"""

import logging
from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.gpu_memory import GpuMemoryError
from worker.pipeline.host_wire import LARGEST_BATCH, Request

BATCH_SIZES = (8, 32, LARGEST_BATCH)
"""Of small pictures, such as faces."""
MOST_BATCH_BYTES = 256 * 1024 * 1024
"""Of pictures, lest large ones take all memory; what one client asks for is always less."""

_log = logging.getLogger(__name__)

Arrays = list[NDArray[np.float32]]


class RunnableNetwork(Protocol):
    """A network that the host can serve, of whatever kind."""

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """To one of which a batch is filled up, rising: a GPU's libraries prepare each size once."""
        ...

    def run(self, pictures: NDArray[np.uint8]) -> Arrays:
        """What it says of (n, height, width, 3) pictures: several arrays, float32, each with n first.

        Raises:
            GpuMemoryError: there is no memory for so many at once.
        """
        ...

    def takes(self, shape: tuple[int, int, int]) -> bool:
        """Whether its pictures may have this height, width and number of channels."""
        ...


class _Asking(Protocol):
    """Somebody who waits for an answer to a request."""

    @property
    def request(self) -> Request: ...


Client = TypeVar("Client", bound=_Asking)


def take_together(waiting: Sequence[Client]) -> list[Client]:
    """Those whose pictures go through their network together now.

    Args:
        waiting: in the order in which they asked. The first is always taken, so nobody is passed over twice; and as
            everybody has one question at a time, those who were just answered come last.
    """
    first = waiting[0].request
    taken: list[Client] = []
    count = size_bytes = 0
    for client in waiting:
        request = client.request
        if (request.network, request.shape[1:]) != (first.network, first.shape[1:]):
            continue
        count += request.shape[0]
        size_bytes += request.size_bytes
        if taken and (count > LARGEST_BATCH or size_bytes > MOST_BATCH_BYTES):
            count -= request.shape[0]
            size_bytes -= request.size_bytes
            continue
        taken.append(client)
    return taken


def next_size(remaining: int, largest: int, sizes: Sequence[int] = BATCH_SIZES) -> int:
    """How large the next batch is, given how many pictures remain and how many there is memory for.

    The smallest size that holds all that remains if at least half of it is used, else the largest that is filled.
    """
    sizes = [size for size in sizes if size < largest] + [largest]
    holding = next((size for size in sizes if size >= remaining), sizes[-1])
    if 2 * remaining >= holding:
        return holding
    return max((size for size in sizes if size <= remaining), default=sizes[0])


class BatchingNetwork:
    """Runs a network in batches of few sizes, smaller ones once the GPU's memory ran out.

    Args:
        network: that runs in batches of any size.
    """

    def __init__(self, network: RunnableNetwork) -> None:
        self._network = network
        self.largest = network.batch_sizes[-1]
        """How many pictures there is memory for; what was found once is kept."""

    def takes(self, shape: tuple[int, int, int]) -> bool:
        """Whether its pictures may have this height, width and number of channels."""
        return self._network.takes(shape)

    def run(self, pictures: NDArray[np.uint8]) -> Arrays:
        """What the network says of any number of pictures, in their order; of none, nothing.

        Raises:
            GpuMemoryError: there is no memory for a single one.
        """
        parts: list[Arrays] = []
        start = 0
        while start < len(pictures):
            size = next_size(len(pictures) - start, self.largest, self._network.batch_sizes)
            part = pictures[start : start + size]
            try:
                found = self._network.run(_filled_up(part, size))
            except GpuMemoryError as error:
                self._spare(error)
                continue
            parts.append([array[: len(part)] for array in found])
            start += len(part)
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

    def _spare(self, error: GpuMemoryError) -> None:
        if self.largest == 1:
            raise error
        self.largest //= 2
        _log.warning("the GPU's memory ran out (%s): %d pictures at once from here on", error, self.largest)


def _filled_up(pictures: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    if len(pictures) == size:
        return pictures
    batch = np.zeros((size, *pictures.shape[1:]), np.uint8)
    batch[: len(pictures)] = pictures
    return batch
