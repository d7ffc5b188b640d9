"""The face detector's network on a GPU, in this process or in its worker's network host, with a way back."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.detector_file import DETECTOR_SHA256
from worker.pipeline.detector_network import GRID_PX, DetectorNetwork
from worker.pipeline.gpu_memory import GpuLostError, GpuMemoryError
from worker.pipeline.host_client import HostClient
from worker.pipeline.host_networks import DETECTOR
from worker.pipeline.host_wire import CHANNELS, NetworkName

FRAMES_AT_ONCE = 4
"""Of one video: while they are looked at its decoder waits. The host makes larger batches of what several ask for."""

_log = logging.getLogger(__name__)


class _Runnable(Protocol):
    """Anything that answers as CenterFace does."""

    def run(self, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]: ...


class HostedDetector:
    """CenterFace in the host.

    Args:
        client: the way to the host.
        path: of the ONNX file.

    Raises:
        NoGpuError: the host found no usable GPU.
        GpuLostError: the host is dead or hangs, or the GPU has no memory.
        BundleError: the file is not the one that is known.
    """

    def __init__(self, client: HostClient, path: Path) -> None:
        self._client = client
        self._name = NetworkName(DETECTOR, str(path.absolute()), DETECTOR_SHA256)
        client.ask(self._name, np.empty((0, GRID_PX, GRID_PX, CHANNELS), np.uint8))

    def run(self, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """The network's outputs.

        Raises:
            GpuLostError: as above.
            BundleError: as above.
        """
        return self._client.ask(self._name, pictures)


class SparingDetector:
    """A network on a GPU until that is of no use any more, and on the processor from then on.

    Args:
        network: on the GPU; what it raises of `GpuLostError` and `GpuMemoryError` ends its use.
        load_on_processor: the same network on the processor, loaded when it is needed.
        is_exact: whether the one on the GPU calculates in float32.
    """

    def __init__(self, network: _Runnable, load_on_processor: Callable[[], DetectorNetwork], *, is_exact: bool) -> None:
        self._on_gpu = network
        self._load_on_processor = load_on_processor
        self._is_exact = is_exact
        self._on_processor: DetectorNetwork | None = None

    @property
    def batch_size(self) -> int:
        """How many canvases it had best be given at once now."""
        return FRAMES_AT_ONCE if self._on_processor is None else self._on_processor.batch_size

    @property
    def is_exact(self) -> bool:
        """Whether it calculates in float32 now."""
        return self._is_exact if self._on_processor is None else self._on_processor.is_exact

    def run(self, canvases: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """The network's outputs, whichever engine gives them."""
        if self._on_processor is None:
            try:
                return self._on_gpu.run(canvases)
            except (GpuLostError, GpuMemoryError) as error:
                _log.warning("%s: finding faces on the processor from here on", error)
                self._on_processor = self._load_on_processor()
        if len(canvases) <= self._on_processor.batch_size:
            return self._on_processor.run(canvases)
        return _in_batches(self._on_processor, canvases)


def _in_batches(network: DetectorNetwork, canvases: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    size = network.batch_size
    # Copies: the next run may write over what this one said.
    parts = [
        [np.array(output) for output in network.run(canvases[start : start + size])]
        for start in range(0, len(canvases), size)
    ]
    return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]
