"""Keeps judging when a GPU's memory runs out: with smaller batches first, then on the processor."""

import logging
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_log = logging.getLogger(__name__)

Judged = tuple[NDArray[np.float32], NDArray[np.float32] | None]


class GpuMemoryError(Exception):
    """The GPU had no memory left for a batch."""


class GpuLostError(Exception):
    """The GPU, or what judges on it, is of no use to this process any more, whatever the batch."""


class NoGpuError(GpuLostError):
    """There is no GPU that TensorFlow can use."""


class Network(Protocol):
    """A loaded network of either engine."""

    @property
    def batch_size(self) -> int:
        """How many crops it takes at once."""
        ...

    def run(self, crops: NDArray[np.uint8]) -> Judged:
        """Logits (n, 1) and heat maps."""
        ...


class ShrinkableNetwork(Network, Protocol):
    """One that runs in whatever size of batch it is set to."""

    @property
    def batch_size(self) -> int:
        """How many crops it takes at once."""
        ...

    @batch_size.setter
    def batch_size(self, size: int) -> None: ...


class SparingNetwork:
    """A network on a GPU that others use too.

    What was found once is kept: memory that is gone seldom comes back, and each try costs time.

    Args:
        network: on the GPU; raises `GpuMemoryError` where a smaller batch may help, `GpuLostError` where nothing will.
        load_on_processor: the same network on the processor, loaded when it is needed.
    """

    def __init__(self, network: ShrinkableNetwork, load_on_processor: Callable[[], Network]) -> None:
        self._on_gpu = network
        self._network: Network = network
        self._load_on_processor = load_on_processor
        self.is_on_gpu = True

    @property
    def batch_size(self) -> int:
        """How many crops are judged at once now."""
        return self._network.batch_size

    def run(self, crops: NDArray[np.uint8]) -> Judged:
        """Logits (n, 1) and heat maps, whatever becomes of the batch size meanwhile."""
        while True:
            try:
                return self._run_in_batches(crops)
            except GpuMemoryError as error:
                self._spare(error)
            except GpuLostError as error:
                self._hand_over(str(error))

    def _run_in_batches(self, crops: NDArray[np.uint8]) -> Judged:
        size = self._network.batch_size
        parts = [self._network.run(crops[start : start + size]) for start in range(0, len(crops), size)]
        maps = [heat_map for _, heat_map in parts if heat_map is not None]
        return np.concatenate([logits for logits, _ in parts]), np.concatenate(maps) if maps else None

    def _spare(self, error: GpuMemoryError) -> None:
        if self._on_gpu.batch_size > 1:
            self._on_gpu.batch_size //= 2
            _log.warning("the GPU's memory ran out (%s): judging %d faces at once", error, self._on_gpu.batch_size)
            return
        self._hand_over(f"the GPU has no memory for a single face ({error})")

    def _hand_over(self, why: str) -> None:
        _log.warning("%s: judging on the processor from here on", why)
        self._network = self._load_on_processor()
        self.is_on_gpu = False
