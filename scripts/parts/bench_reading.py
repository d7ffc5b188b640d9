"""Tells how much of a file was read: which of its pages the system holds after it had dropped them all."""

import ctypes
import mmap
import os
from pathlib import Path

_PAGE = mmap.PAGESIZE
_libc = ctypes.CDLL(None, use_errno=True)


def drop_from_memory(path: Path) -> bool:
    """Has the system forget a file's pages; False where they stay, as on a file system that lies in memory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    return bytes_in_memory(path) == 0


def bytes_in_memory(path: Path) -> int:
    """Bytes of a file that the system holds in memory, in whole pages, read ahead included.

    Raises:
        OSError: the system does not tell.
    """
    size = path.stat().st_size
    if size == 0:
        return 0
    # Private and writable, as ctypes takes no address of a read-only map; nothing is written.
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        pages = -(-size // _PAGE)
        held = (ctypes.c_ubyte * pages)()
        start = ctypes.c_ubyte.from_buffer(mapped)
        try:
            if _libc.mincore(ctypes.byref(start), ctypes.c_size_t(size), held) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), str(path))
        finally:
            # A map that something points into cannot be closed.
            del start
        return sum(page & 1 for page in bytes(held)) * _PAGE
