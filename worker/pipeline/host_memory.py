"""The memory that a judging process shares with the network host: a file without a name, of a size that is sealed.

The host never maps it. It reads pictures out of it and writes answers into it by system calls, so whatever a client
does with its end, the worst that can happen to the host is an error.
"""

import fcntl
import mmap
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.host_wire import places_of

MEMORY_BYTES = 64 * 1024 * 1024
"""Of one client; what it does not use takes no memory."""


class ClientMemory:
    """The client's side: mapped, so that pictures are written where the host reads them.

    Raises:
        OSError: there is no memory, or no descriptor, for it.
    """

    def __init__(self, size_bytes: int = MEMORY_BYTES) -> None:
        self.descriptor = os.memfd_create("fakesweep-pictures", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self.descriptor, size_bytes)
            fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, _fixed_size())
            self._map = mmap.mmap(self.descriptor, size_bytes)
        except BaseException:
            os.close(self.descriptor)
            raise
        self._bytes = np.frombuffer(self._map, np.uint8)

    def put(self, pictures: NDArray[np.uint8]) -> None:
        """Lays the pictures down for the host; they must fit.

        Raises:
            ValueError: they do not.
        """
        if pictures.nbytes > self._bytes.size:
            raise ValueError(f"{pictures.nbytes} bytes of pictures do not fit into {self._bytes.size}")
        self._bytes[: pictures.nbytes].reshape(pictures.shape)[:] = pictures

    def take(self, shapes: Sequence[tuple[int, ...]], *, behind: int) -> list[NDArray[np.float32]]:
        """Copies of the arrays that the host wrote.

        Raises:
            ValueError: arrays of these shapes do not fit.
        """
        places = places_of(shapes, behind=behind)
        if places and places[-1][1] > self._bytes.size:
            raise ValueError(f"an answer of {places[-1][1]} bytes does not fit into {self._bytes.size}")
        return [
            self._bytes[start:end].copy().view(np.float32).reshape(shape)
            for shape, (start, end) in zip(shapes, places, strict=True)
        ]

    def close(self) -> None:
        """Lets go of it."""
        os.close(self.descriptor)
        del self._bytes
        self._map.close()


class HostMemory:
    """The host's side of one client's memory.

    Args:
        descriptor: of the file; it is kept under another number.

    Raises:
        ValueError: it is no memory file of a sealed and bounded size.
        OSError: it is no file at all.
    """

    def __init__(self, descriptor: int) -> None:
        # Only memory files have seals: others refuse the question, so that no disk is ever waited for.
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
        self.size_bytes = os.fstat(descriptor).st_size
        is_fixed = seals & _fixed_size() == _fixed_size()
        if not is_fixed or not 0 < self.size_bytes <= MEMORY_BYTES:
            raise ValueError(f"shared memory must be sealed and have 1..{MEMORY_BYTES} bytes, got {self.size_bytes}")
        self._descriptor = os.dup(descriptor)

    def read_into(self, pictures: NDArray[np.uint8]) -> None:
        """Fills an array with what lies at the start.

        Raises:
            ValueError: there is less.
        """
        if pictures.nbytes and os.preadv(self._descriptor, [pictures.data], 0) != pictures.nbytes:
            raise ValueError(f"there are no {pictures.nbytes} bytes of pictures")

    def write(self, arrays: Sequence[NDArray[np.float32]], *, behind: int) -> None:
        """Lays arrays down behind the pictures.

        Raises:
            ValueError: they do not fit.
        """
        places = places_of([array.shape for array in arrays], behind=behind)
        if places and places[-1][1] > self.size_bytes:
            raise ValueError(f"an answer of {places[-1][1]} bytes does not fit into {self.size_bytes}")
        for array, (start, _) in zip(arrays, places, strict=True):
            content = np.ascontiguousarray(array, np.float32)
            if content.nbytes and os.pwritev(self._descriptor, [content.data], start) != content.nbytes:
                raise ValueError(f"{content.nbytes} bytes of an answer could not be written")

    def close(self) -> None:
        """Lets go of it."""
        os.close(self._descriptor)


def _fixed_size() -> int:
    # Not a constant: only Linux has these names, and the pipeline is imported elsewhere too.
    return fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
