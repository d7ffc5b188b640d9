"""A judging process's way to the network host of its worker.

A host that dies is started anew by the worker, so a question is asked once more; after that, or when no answer comes
in time, this process asks never again.
"""

import os
import socket
import threading
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.errors import BundleError
from worker.pipeline.gpu_memory import GpuLostError, NoGpuError
from worker.pipeline.host_memory import MEMORY_BYTES, ClientMemory
from worker.pipeline.host_wire import (
    BAD_BUNDLE,
    HELLO,
    LARGEST_BATCH,
    LARGEST_MESSAGE_BYTES,
    NO_GPU_NOTE,
    NO_MEMORY,
    Answer,
    NetworkName,
    Request,
    open_socket,
    short_address,
)

ANSWERS_WITHIN_S = 180.0
"""Longer than a host may take for one step, before it ends itself and is started anew."""


class HostClient:
    """Asks the host; safe to share between threads, useless after a fork.

    Args:
        address: of the host's socket.
        answers_within_s: the longest wait for one answer.
    """

    def __init__(self, address: Path, *, answers_within_s: float = ANSWERS_WITHIN_S) -> None:
        self._address = address
        self._answers_within_s = answers_within_s
        self._lock = threading.Lock()
        self._channel: socket.socket | None = None
        self._memory: ClientMemory | None = None
        self._trouble: str | None = None
        self.owner_pid = os.getpid()

    def room_for(self, shape: tuple[int, int, int], *, wanted: int) -> int:
        """How many pictures of this height, width and number of channels can be asked about at once, at most `wanted`.

        Half of the shared memory is for pictures, the other for what is said of them.
        """
        return max(1, min(wanted, LARGEST_BATCH, MEMORY_BYTES // 2 // int(np.prod(shape))))

    def ask(self, network: NetworkName, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """What a network says of (n, height, width, 3) pictures, uint8, each array with n first; n = 0 only loads it.

        Raises:
            NoGpuError: the host found no usable GPU.
            GpuLostError: the host is dead or hangs, or the GPU has no memory for a single picture.
            BundleError: the network cannot be loaded.
        """
        with self._lock:
            for is_last in (False, True):
                if self._trouble is not None:
                    raise GpuLostError(self._trouble)
                try:
                    return self._ask(network, pictures)
                except TimeoutError:
                    self._give_up(f"the network host gave no answer within {self._answers_within_s:g} s")
                except (OSError, ValueError) as error:
                    self._let_go()
                    if (self._address.parent / NO_GPU_NOTE).exists():
                        raise NoGpuError("TensorFlow sees no GPU") from error
                    if is_last:
                        self._give_up(f"the network host is gone ({error})")
            raise GpuLostError(self._trouble or "")

    def close(self) -> None:
        """Hangs up; the next question connects anew."""
        with self._lock:
            self._let_go()

    def _ask(self, network: NetworkName, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        deadline = time.monotonic() + self._answers_within_s
        channel, memory = self._connected()
        memory.put(pictures)
        count, height, width, channels = pictures.shape
        request = Request(network, (count, height, width, channels))
        channel.settimeout(max(deadline - time.monotonic(), 0.001))
        channel.send(request.to_bytes())
        message = channel.recv(LARGEST_MESSAGE_BYTES)
        if not message:
            raise ConnectionResetError("it hung up")
        answer = Answer.from_bytes(message)
        match answer.error:
            case None:
                return memory.take(answer.shapes, behind=request.size_bytes)
            case error if error == BAD_BUNDLE:
                raise BundleError(answer.message)
            case error if error == NO_MEMORY:
                raise GpuLostError(f"the GPU has no memory: {answer.message}")
            case _:
                raise ValueError(f"it refused: {answer.message}")

    def _connected(self) -> tuple[socket.socket, ClientMemory]:
        if self._memory is None:
            self._memory = ClientMemory()
        if self._channel is None:
            channel = open_socket()
            try:
                channel.settimeout(self._answers_within_s)
                with short_address(self._address) as address:
                    channel.connect(address)
                socket.send_fds(channel, [HELLO], [self._memory.descriptor])
            except BaseException:
                channel.close()
                raise
            self._channel = channel
        return self._channel, self._memory

    def _give_up(self, trouble: str) -> None:
        self._let_go()
        self._trouble = trouble

    def _let_go(self) -> None:
        channel, self._channel = self._channel, None
        memory, self._memory = self._memory, None
        if channel is not None:
            channel.close()
        if memory is not None:
            memory.close()


_clients: dict[Path, HostClient] = {}
_clients_lock = threading.Lock()


def shared_client(address: Path) -> HostClient:
    """The calling process's client of a host: what it learned of the host once holds for all its networks."""
    with _clients_lock:
        client = _clients.get(address)
        if client is None or client.owner_pid != os.getpid():
            client = _clients[address] = HostClient(address)
        return client
