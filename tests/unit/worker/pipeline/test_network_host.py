"""The host gathers what its clients ask, answers each, and lets no client harm another."""

import contextlib
import fcntl
import json
import os
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from worker.pipeline.errors import BundleError
from worker.pipeline.gpu_memory import GpuLostError, GpuMemoryError, NoGpuError
from worker.pipeline.host_batches import BATCH_SIZES
from worker.pipeline.host_client import HostClient
from worker.pipeline.host_memory import MEMORY_BYTES, ClientMemory
from worker.pipeline.host_networks import HostedNetworks
from worker.pipeline.host_wire import HELLO, NO_GPU_NOTE, NetworkName, open_socket, short_address
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


@pytest.fixture
def hosting(tmp_path: Path) -> Iterator[Hosting]:
    """A host on a network that says the first value of each picture."""
    with tempfile.TemporaryDirectory(prefix="fs-") as folder, open_socket() as listener:
        listener.bind(str(Path(folder) / "host"))
        listener.listen(8)
        with ThreadPoolExecutor(8) as threads:
            yield Hosting(Path(folder), listener, threads)


def test_what_came_while_a_batch_ran_goes_together(hosting: Hosting) -> None:
    """Four processes, one run, and each gets what is said of its own pictures, in their order."""
    values = [[*range(1, 7)], [11, 12, 13], [21], [*range(31, 41)]]
    clients = [hosting.client() for _ in values]
    for client in clients:
        connected = hosting.asks(client, [])
        hosting.serve_until(connected)
    hosting.gpu.batches.clear()

    answers = [hosting.asks(client, asked) for client, asked in zip(clients, values, strict=True)]
    hosting.hear_until(4)
    hosting.host.answer_some()

    assert [answer.result() for answer in answers] == values
    (batch,) = hosting.gpu.batches
    assert len(batch) == 32
    assert sorted(batch) == [0] * 12 + [*range(1, 7), 11, 12, 13, 21, *range(31, 41)]
    assert hosting.loaded == ["red"]


def test_requests_that_come_during_a_run_are_the_next_batch(hosting: Hosting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for company: the first goes alone, and who comes meanwhile goes together after it."""
    others = [hosting.client() for _ in range(3)]
    answers: list[Future[list[float]]] = []
    run = hosting.gpu.run

    def run_slowly(pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        if not answers:
            answers.extend(hosting.asks(client, [50 + number]) for number, client in enumerate(others))
        return run(pictures)

    monkeypatch.setattr(hosting.gpu, "run", run_slowly)
    alone = hosting.asks(hosting.client(), [7])
    hosting.hear_until(1)
    hosting.host.answer_some()
    hosting.hear_until(3)
    hosting.host.answer_some()

    assert alone.result() == [7]
    assert [answer.result() for answer in answers] == [[50], [51], [52]]
    assert [sorted(value for value in batch if value) for batch in hosting.gpu.batches] == [[7], [50, 51, 52]]


def test_a_client_that_died_holds_nobody_up(hosting: Hosting) -> None:
    """Its question goes when its end is heard, or its answer goes nowhere."""
    dead, gone = hosting.stranger(), hosting.stranger()
    for channel in (dead, gone):
        memory = ClientMemory()
        socket.send_fds(channel, [HELLO], [memory.descriptor])
        memory.close()
        channel.send(
            json.dumps({"kind": RED.kind, "place": RED.place, "sha256": RED.sha256, "shape": [1, 4, 4, 3]}).encode()
        )
    hosting.hear_until(2)
    dead.close()
    living = hosting.client()
    answer = hosting.asks(living, [9])
    while len(hosting.host._waiting) != 2 or len(hosting.host._callers) != 2:
        hosting.host.hear(1.0)
    gone.close()
    hosting.serve_until(answer)

    assert answer.result() == [9]
    hosting.host.hear(0.0)
    assert len(hosting.host._callers) == 1


def test_little_memory_halves_and_none_is_told(hosting: Hosting) -> None:
    """Clients need not know of the first; of the second they hear, and may come back."""
    hosting.gpu.room = 3
    assert hosting.judges([*range(1, 12)]) == [*range(1, 12)]
    assert {len(batch) for batch in hosting.gpu.batches} == {2}

    hosting.gpu.room = 0
    with pytest.raises(GpuLostError, match="no memory"):
        hosting.judges([1])

    hosting.gpu.room = 128
    assert hosting.judges([1]) == [1]
    assert hosting.loaded == ["red", "red"]


def test_the_latest_networks_are_kept(hosting: Hosting) -> None:
    """The one that was not asked for the longest is loaded anew when it is."""
    names = {name: NetworkName("first-value", f"/{name}", "0" * 64) for name in "abc"}
    for name in "abacab":
        hosting.judges([1], names[name])

    assert hosting.loaded == ["a", "b", "c", "b"]


def test_a_broken_bundle_is_the_askers_trouble(hosting: Hosting) -> None:
    """It hears what is wrong; the connection stays."""
    with pytest.raises(BundleError, match="broken is altered"):
        hosting.judges([1], NetworkName("first-value", "/broken", "0" * 64))

    assert hosting.judges([1]) == [1]


def test_an_unknown_kind_is_refused(hosting: Hosting) -> None:
    """Once more after a new connection, then the client goes its own way."""
    with pytest.raises(GpuLostError, match="no network of kind 'poem'"):
        hosting.judges([1], NetworkName("poem", "/red", "0" * 64))

    answer = hosting.asks(hosting.client(), [5])
    hosting.serve_until(answer)
    assert answer.result() == [5]


def _open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _memory(size_bytes: int, *, seals: int = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW) -> int:
    descriptor = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size_bytes)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


def _unsealed(_: Path) -> list[int]:
    return [_memory(4096, seals=0)]


def _growing(_: Path) -> list[int]:
    return [_memory(4096, seals=fcntl.F_SEAL_SHRINK)]


def _huge(_: Path) -> list[int]:
    return [_memory(MEMORY_BYTES + 1)]


def _empty(_: Path) -> list[int]:
    return [_memory(0)]


def _file(folder: Path) -> list[int]:
    (folder / "file").write_bytes(bytes(4096))
    return [os.open(folder / "file", os.O_RDWR)]


def _pipe(_: Path) -> list[int]:
    return list(os.pipe())[:1]


def _several(_: Path) -> list[int]:
    return [_memory(4096) for _ in range(7)]


@pytest.mark.parametrize("descriptors", [_unsealed, _growing, _huge, _empty, _file, _pipe, _several, lambda _: []])
def test_memory_that_could_harm_is_refused(
    hosting: Hosting, tmp_path: Path, descriptors: Callable[[Path], list[int]]
) -> None:
    """What may shrink, grow, block, or is none at all costs its sender the connection, and nobody a descriptor."""
    assert hosting.judges([1]) == [1]
    before = _open_descriptors()
    channel = hosting.stranger()
    passed = descriptors(tmp_path)
    socket.send_fds(channel, [HELLO], passed)

    hosting.hangs_up_on(channel)
    for descriptor in passed:
        os.close(descriptor)

    assert _open_descriptors() <= before + (descriptors is _pipe)
    assert hosting.judges([1, 2]) == [1, 2]


QUESTION = {"kind": RED.kind, "place": RED.place, "sha256": RED.sha256, "shape": [1, 4, 4, 3]}


@pytest.mark.parametrize(
    "message",
    [
        b"no JSON",
        b"[]",
        b"{}",
        b"[" * 16000,
        b"x" * 20000,
        json.dumps({**QUESTION, "shape": [1, 4, 4]}).encode(),
        json.dumps({**QUESTION, "shape": [-1, 4, 4, 3]}).encode(),
        json.dumps({**QUESTION, "shape": [True, 4, 4, 3]}).encode(),
        json.dumps({**QUESTION, "shape": [129, 1, 1, 3]}).encode(),
        json.dumps({**QUESTION, "shape": [1, 0, 4, 3]}).encode(),
        json.dumps({**QUESTION, "shape": [1, 4, 4, 4]}).encode(),
        json.dumps({**QUESTION, "shape": [1, 2**40, 4, 3]}).encode(),
        json.dumps({**QUESTION, "shape": [128, 4, 4, 3]}).encode(),
        json.dumps({**QUESTION, "shape": [85, 4, 4, 3]}).encode(),
        json.dumps({**QUESTION, "place": 7}).encode(),
        json.dumps({**QUESTION, "place": "a\0b"}).encode(),
    ],
)
def test_questions_that_are_none_end_their_connection_alone(hosting: Hosting, message: bytes) -> None:
    """Garbage, wrong shapes, pictures or answers that do not fit into the memory."""
    channel = hosting.stranger()
    memory = _memory(4096)
    socket.send_fds(channel, [HELLO], [memory])
    os.close(memory)
    channel.send(message)

    hosting.hangs_up_on(channel)

    assert hosting.judges([1]) == [1]


def test_speaking_out_of_turn_ends_the_connection(hosting: Hosting) -> None:
    """One question at a time: nobody gets more of the GPU by asking more."""
    channel = hosting.stranger()
    memory = _memory(4096)
    socket.send_fds(channel, [HELLO], [memory])
    os.close(memory)
    channel.send(json.dumps(QUESTION).encode())
    channel.send(json.dumps(QUESTION).encode())
    for _ in range(4):
        hosting.host.hear(5.0)

    assert (hosting.host._waiting, hosting.host._callers) == ([], set())
    channel.close()
    assert hosting.judges([1]) == [1]


def test_sealed_memory_cannot_be_shrunk_under_the_host(hosting: Hosting) -> None:
    """The client tries in vain; holes that it makes are read as zeros."""
    memory = ClientMemory()

    with pytest.raises(PermissionError):
        os.ftruncate(memory.descriptor, 0)
    memory.close()


def test_a_host_that_hangs_is_not_waited_for_again(hosting: Hosting) -> None:
    """After one wait that was too long this process asks never again."""
    client = HostClient(hosting.address, answers_within_s=0.2)
    pictures = np.zeros((1, 4, 4, 3), np.uint8)

    with pytest.raises(GpuLostError, match=r"no answer within 0\.2 s"):
        client.ask(RED, pictures)
    hosting.address.unlink()
    with pytest.raises(GpuLostError, match=r"no answer within 0\.2 s"):
        client.ask(RED, pictures)


def test_a_host_that_is_gone_is_noticed(tmp_path: Path) -> None:
    """Nobody listens there; a note beside the socket tells why, should there be no GPU."""
    with pytest.raises(GpuLostError, match="the network host is gone"):
        HostClient(tmp_path / "host").ask(RED, np.zeros((1, 4, 4, 3), np.uint8))

    (tmp_path / NO_GPU_NOTE).touch()
    with pytest.raises(NoGpuError):
        HostClient(tmp_path / "host").ask(RED, np.zeros((1, 4, 4, 3), np.uint8))


def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    """Of a socket the kernel takes 107 bytes of path."""
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    with open_socket() as listener, open_socket() as channel:
        with short_address(folder / "host") as address:
            listener.bind(address)
        listener.listen(1)
        with short_address(folder / "host") as address:
            channel.connect(address)
        accepted, _ = listener.accept()
        accepted.close()

    assert (folder / "host").is_socket()


def test_whoever_connects_and_says_nothing_is_left_alone(hosting: Hosting) -> None:
    """Silence costs nothing."""
    with hosting.stranger() as channel:
        credentials = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        assert struct.unpack("3i", credentials)[0] == os.getpid()
        assert hosting.judges([3]) == [3]
