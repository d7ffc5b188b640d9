"""What callers of the network host say is checked, and costs nobody but themselves."""

import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hosting import RED, Hosting, hosted
from worker.pipeline.host_memory import MEMORY_BYTES, ClientMemory
from worker.pipeline.host_wire import HELLO


@pytest.fixture
def hosting() -> Iterator[Hosting]:
    """A host that lets nobody harm it, nor another."""
    with hosted() as made:
        yield made


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
