"""One judging process as the network host sees it: a channel, the memory that it shared, and what it wants to know."""

import os
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.host_memory import HostMemory
from worker.pipeline.host_wire import BAD_REQUEST, HELLO, LARGEST_MESSAGE_BYTES, Answer, Request

_MOST_DESCRIPTORS = 4
_CREDENTIALS = struct.Struct("3i")


class HungUpError(Exception):
    """The client is gone."""


class Caller:
    """A connected client.

    Args:
        channel: to it.
    """

    def __init__(self, channel: socket.socket) -> None:
        channel.settimeout(0)
        self.channel = channel
        self.pid = _CREDENTIALS.unpack(channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))[0]
        self._memory: HostMemory | None = None
        self._request: Request | None = None

    @property
    def request(self) -> Request:
        """What it wants to know.

        Raises:
            ValueError: nothing.
        """
        if self._request is None:
            raise ValueError("nothing was asked")
        return self._request

    def hear(self) -> bool:
        """Takes in one message; whether it was a request.

        Raises:
            HungUpError: there will be none.
            ValueError: it is none of ours, or comes before the last was answered.
            OSError: the connection, or the memory, is broken.
        """
        message, descriptors, flags, _ = socket.recv_fds(self.channel, LARGEST_MESSAGE_BYTES, _MOST_DESCRIPTORS)
        try:
            if not message:
                raise HungUpError
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                raise ValueError("a message is too long")
            if self._memory is None:
                self._take_memory(message, descriptors)
                return False
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        if descriptors or self._request is not None:
            raise ValueError("it speaks out of turn")
        request = Request.from_bytes(message)
        if request.size_bytes > self._memory.size_bytes:
            raise ValueError(f"pictures of {request.shape} do not fit into {self._memory.size_bytes} bytes")
        self._request = request
        return True

    def take(self, pictures: NDArray[np.uint8]) -> None:
        """Copies its pictures.

        Raises:
            ValueError: they are not there.
            OSError: they cannot be read.
        """
        if self._memory is not None:
            self._memory.read_into(pictures)

    def give(self, arrays: Sequence[NDArray[np.float32]]) -> None:
        """Answers.

        Raises:
            ValueError: the arrays do not fit into its memory.
            OSError: they cannot be written, or it is gone.
        """
        if self._memory is not None:
            self._memory.write(arrays, behind=self.request.size_bytes)
        self.say(Answer(shapes=tuple(array.shape for array in arrays)))

    def say(self, answer: Answer) -> None:
        """Answers in words.

        Raises:
            OSError: it is gone, or does not listen.
        """
        self._request = None
        self.channel.send(answer.to_bytes())

    def close(self, error: Exception) -> None:
        """Hangs up; says why, should it still listen."""
        with suppress(OSError):
            self.say(Answer(error=BAD_REQUEST, message=str(error)))
        self.channel.close()
        if self._memory is not None:
            self._memory.close()

    def _take_memory(self, message: bytes, descriptors: Sequence[int]) -> None:
        if message != HELLO or len(descriptors) != 1:
            raise ValueError("it did not begin with its memory")
        self._memory = HostMemory(descriptors[0])
