"""The host gathers what its clients ask, and answers each."""

import json
import os
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.hosting import RED, Hosting, hosted
from worker.pipeline.errors import BundleError
from worker.pipeline.gpu_memory import GpuLostError, NoGpuError
from worker.pipeline.host_client import HostClient
from worker.pipeline.host_memory import ClientMemory
from worker.pipeline.host_wire import HELLO, NO_GPU_NOTE, NetworkName, open_socket, short_address


@pytest.fixture
def hosting() -> Iterator[Hosting]:
    """A host that lets nobody harm it, nor another."""
    with hosted() as made:
        yield made


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
