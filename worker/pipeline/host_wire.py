"""What judging processes and the network host say to each other, over a unix socket that keeps messages apart.

First the client hands over a memory file (`worker.pipeline.host_memory`). Then it asks one question at a time: the
pictures lie at the start of the memory, and the message says which network shall see them and what shape they have.
The answer is the shape of each array that the network gave, which lie behind the pictures, or what went wrong. Whoever
says anything else is hung up on.
"""

import contextlib
import json
import math
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

LARGEST_MESSAGE_BYTES = 16384
LARGEST_BATCH = 128
LARGEST_SIDE_PX = 4096
CHANNELS = 3
HELLO = b"memory"
"""The first message, which carries the memory file."""

Takes = Literal["gpu", "any"]
"""What a host may judge on: a GPU, or whatever TensorFlow has."""

NO_GPU_STATUS = 69
"""The exit status by which a host tells the worker not to start another: there is no usable GPU."""
NO_GPU_NOTE = "no-gpu"
"""The file beside the socket by which the worker tells it to the clients."""

NO_MEMORY = "memory"
BAD_BUNDLE = "bundle"
BAD_REQUEST = "request"
"""After which the host hangs up."""

_LONGEST_PATH_BYTES = 107
_ALIGNMENT = 64
_FLOAT_BYTES = 4
_FIELDS = ("kind", "place", "sha256")


@dataclass(frozen=True)
class NetworkName:
    """Which network: of two requests for the same, the pictures may go through it together.

    Args:
        kind: what loads it, such as "classifier".
        place: where it lies on this machine.
        sha256: what its place must hold, so that a bundle that was replaced is another network.
    """

    kind: str
    place: str
    sha256: str


@dataclass(frozen=True)
class Request:
    """What a client wants to know.

    Args:
        network: that shall see the pictures.
        shape: of the pictures, (n, height, width, 3); with n = 0 the network is only loaded.
    """

    network: NetworkName
    shape: tuple[int, int, int, int]

    def __post_init__(self) -> None:
        count, height, width, channels = self.shape
        sides = (height, width)
        if not (0 <= count <= LARGEST_BATCH and all(0 < side <= LARGEST_SIDE_PX for side in sides)):
            raise ValueError(f"pictures must be at most {LARGEST_BATCH} of 1..{LARGEST_SIDE_PX} px, got {self.shape}")
        if channels != CHANNELS:
            raise ValueError(f"pictures must have {CHANNELS} channels, got {channels}")

    @property
    def size_bytes(self) -> int:
        """Of the pictures."""
        return math.prod(self.shape)

    def to_bytes(self) -> bytes:
        """The message."""
        named = {name: getattr(self.network, name) for name in _FIELDS}
        return json.dumps({**named, "shape": self.shape}).encode()

    @classmethod
    def from_bytes(cls, message: bytes) -> Self:
        """The request in a message.

        Raises:
            ValueError: it is none.
        """
        found = _object(message)
        named = [found.get(name) for name in _FIELDS]
        match found.get("shape"):
            case [count, height, width, channels] as shape if _is_shape(shape):
                pass
            case _:
                raise ValueError("a request has the shape of pictures")
        if not all(isinstance(name, str) and "\0" not in name for name in named):
            raise ValueError("a request names a network")
        return cls(NetworkName(*map(str, named)), (count, height, width, channels))


@dataclass(frozen=True)
class Answer:
    """What the host says.

    Args:
        shapes: of the arrays, float32, in the order of the network's outputs; the first side of each is n.
        error: None, or one of the words above.
        message: what went wrong, for people.
    """

    shapes: tuple[tuple[int, ...], ...] = ()
    error: str | None = None
    message: str = ""

    def to_bytes(self) -> bytes:
        """The message."""
        if self.error is not None:
            return json.dumps({"error": self.error, "message": self.message[:1000]}).encode()
        return json.dumps({"shapes": self.shapes}).encode()

    @classmethod
    def from_bytes(cls, message: bytes) -> Self:
        """The answer in a message.

        Raises:
            ValueError: it is none.
        """
        found = _object(message)
        if "error" in found:
            return cls(error=str(found["error"]), message=str(found.get("message")))
        shapes = found.get("shapes")
        if not isinstance(shapes, list) or not all(_is_shape(shape) for shape in shapes):
            raise ValueError("an answer has the shapes of arrays")
        return cls(tuple(map(tuple, shapes)))


def places_of(shapes: Sequence[tuple[int, ...]], *, behind: int) -> list[tuple[int, int]]:
    """Where each array lies in the memory, as its first byte and the one behind its last.

    Args:
        shapes: of arrays of float32.
        behind: how many bytes the pictures take.
    """
    places: list[tuple[int, int]] = []
    end = behind
    for shape in shapes:
        start = -(-end // _ALIGNMENT) * _ALIGNMENT
        end = start + math.prod(shape) * _FLOAT_BYTES
        places.append((start, end))
    return places


def open_socket() -> socket.socket:
    """A socket of the kind that both sides need."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)


@contextlib.contextmanager
def short_address(path: Path) -> Iterator[str]:
    """A name of a socket that is short enough for the kernel, however long its path; good within the context.

    Raises:
        OSError: its directory cannot be opened.
    """
    if len(os.fsencode(path)) <= _LONGEST_PATH_BYTES:
        yield os.fspath(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def _object(message: bytes) -> dict[str, Any]:
    try:
        found = json.loads(message)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return found if isinstance(found, dict) else {}


def _is_shape(found: Any) -> bool:
    # True is an int to Python.
    return isinstance(found, list) and all(type(side) is int and 0 <= side < 2**31 for side in found)
