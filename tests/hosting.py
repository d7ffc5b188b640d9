"""A network host that is driven by hand, for tests: its networks, its clients, and strangers."""

import contextlib
import socket
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.errors import BundleError
from worker.pipeline.gpu_memory import GpuMemoryError
from worker.pipeline.host_batches import BATCH_SIZES
from worker.pipeline.host_client import HostClient
from worker.pipeline.host_networks import HostedNetworks
from worker.pipeline.host_wire import NetworkName, open_socket
from worker.pipeline.network_host import NetworkHost, Steps
from worker.pipeline.precision import WantedPrecision

RED = NetworkName("first-value", "/red", "0" * 64)


class _Gpu:
    """Says the first value of each picture, and what it was given."""

    batch_sizes = BATCH_SIZES

    def __init__(self, room: int = 128) -> None:
        self.room = room
        self.batches: list[list[int]] = []

    def run(self, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        if len(pictures) > self.room:
            raise GpuMemoryError(f"no room for {len(pictures)}")
        values = pictures[:, 0, 0, 0]
        self.batches.append(values.tolist())
        return [values.astype(np.float32)[:, None], pictures[:, :2, :2, 1].astype(np.float32)]

    def takes(self, shape: tuple[int, int, int]) -> bool:
        return shape[2] == 3


class Hosting:
    """A host that is driven by hand, its networks, and clients in threads."""

    def __init__(self, folder: Path, listener: socket.socket, threads: ThreadPoolExecutor) -> None:
        self.address = folder / "host"
        self.loaded: list[str] = []
        self.gpu = _Gpu()
        self._threads = threads

        def load(place: Path, sha256: str, precision: WantedPrecision) -> _Gpu:
            self.loaded.append(place.name)
            if place.name == "broken":
                raise BundleError("broken is altered")
            return self.gpu

        self.host = NetworkHost(listener, HostedNetworks("auto", loaders={"first-value": load}, kept=2), Steps())
        self._client = self.client()

    def client(self) -> HostClient:
        """Another client."""
        return HostClient(self.address, answers_within_s=20.0)

    def asks(self, client: HostClient, values: list[int], network: NetworkName = RED) -> "Future[list[float]]":
        """The logits that a client gets, whose pictures have these values in red, and one less in green."""
        pictures = np.zeros((len(values), 4, 4, 3), np.uint8)
        pictures[..., 0] = np.array(values, np.uint8)[:, None, None]
        pictures[..., 1] = pictures[..., 0] - 1

        def ask() -> list[float]:
            found = client.ask(network, pictures)
            if not values:
                return [len(found)]
            logits, maps = found
            assert maps.shape == (len(values), 2, 2)
            assert maps[:, 1, 1].tolist() == [value - 1 for value in values]
            return [float(logit) for logit in logits.ravel()]

        return self._threads.submit(ask)

    def hear_until(self, count: int) -> None:
        """Takes in until so many wait."""
        end_s = time.monotonic() + 20
        while len(self.host._waiting) < count:
            assert time.monotonic() < end_s, "too few asked"
            self.host.hear(1.0)

    def judges(self, values: list[int], network: NetworkName = RED) -> list[float]:
        """One question and its answer."""
        answer = self.asks(self._client, values, network)
        self.serve_until(answer)
        return answer.result()

    def serve_until(self, answer: "Future[list[float]]") -> None:
        """Serves until there is an answer."""
        while not answer.done():
            self.host.hear(0.05)
            if self.host._waiting:
                self.host.answer_some()

    def stranger(self) -> socket.socket:
        """Somebody who connects, and may say anything."""
        channel = open_socket()
        channel.settimeout(10.0)
        channel.connect(str(self.address))
        return channel

    def hangs_up_on(self, channel: socket.socket) -> None:
        """Serves until a stranger is hung up on."""
        channel.settimeout(0)
        end_s = time.monotonic() + 20
        while True:
            assert time.monotonic() < end_s, "it is still connected"
            self.host.hear(0.05)
            if self.host._waiting:
                self.host.answer_some()
            with contextlib.suppress(BlockingIOError):
                try:
                    is_over = not channel.recv(16384)
                except ConnectionResetError:
                    is_over = True
                if is_over:
                    break
        channel.close()


@contextlib.contextmanager
def hosted() -> Iterator[Hosting]:
    """A host on a network that says the first value of each picture."""
    with tempfile.TemporaryDirectory(prefix="fs-") as folder, open_socket() as listener:
        listener.bind(str(Path(folder) / "host"))
        listener.listen(8)
        with ThreadPoolExecutor(8) as threads:
            yield Hosting(Path(folder), listener, threads)
