"""The classifier's network as a judging process sees it that has a network host: it asks there."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.bundle import sha256_of_manifest
from worker.pipeline.gpu_memory import Judged
from worker.pipeline.host_client import HostClient
from worker.pipeline.host_networks import CLASSIFIER
from worker.pipeline.host_wire import NetworkName

BATCH_SIZE = 32
"""Of one process. The host makes larger batches of what several ask for."""


class HostedNetwork:
    """A bundle's network in the host.

    Args:
        client: the way to the host.
        directory: of the bundle.
        size_px: side of the network's input.

    Raises:
        NoGpuError: the host found no usable GPU.
        GpuLostError: the host is dead or hangs, or the GPU has no memory.
        BundleError: the network cannot be loaded.
    """

    def __init__(self, client: HostClient, directory: Path, *, size_px: int) -> None:
        self._client = client
        self._name = NetworkName(CLASSIFIER, str(directory.absolute()), sha256_of_manifest(directory))
        self.batch_size = client.room_for((size_px, size_px, 3), wanted=BATCH_SIZE)
        client.ask(self._name, np.empty((0, size_px, size_px, 3), np.uint8))

    def run(self, crops: NDArray[np.uint8]) -> Judged:
        """Logits (n, 1) and heat maps (n, height, width).

        Raises:
            GpuLostError: as above.
            BundleError: as above.
        """
        logits, *heat_maps = self._client.ask(self._name, crops)
        return logits, heat_maps[0] if heat_maps else None
