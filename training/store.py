"""Keeps cut faces on disk and maps them into memory item by item, so that a set may be larger than memory."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Crops = NDArray[np.uint8]
"""(n, side, side, 3), RGB, uint8."""

# Each mapping holds a file open, and a process often may have no more than 1024 of those.
_OPEN_FILES = 256


@dataclass(frozen=True)
class StoredFaces:
    """The faces of one picture or video on disk, opened when they are asked for.

    Args:
        base: the path of both files without their endings.
    """

    base: Path

    @property
    def is_whole(self) -> bool:
        """Whether both files are there."""
        return _wide_path(self.base).is_file() and _exact_path(self.base).is_file()

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes of both files.

        Raises:
            OSError: one is missing.
        """
        return _exact_path(self.base).stat().st_size, _wide_path(self.base).stat().st_size

    @property
    def exact(self) -> Crops:
        """What a scan gives the network, memory-mapped, read-only."""
        return _open_mapped(_exact_path(self.base))

    @property
    def wide(self) -> Crops:
        """The same faces at the same scale with more around them, memory-mapped, read-only."""
        return _open_mapped(_wide_path(self.base))


def store_faces(base: Path, *, exact: Crops, wide: Crops) -> StoredFaces:
    """Writes both arrays, each whole or not at all, and gives them back as they lie on disk."""
    for path, crops in ((_exact_path(base), exact), (_wide_path(base), wide)):
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, crops)
        partial.replace(path)
    _open_mapped.cache_clear()
    return StoredFaces(base)


@lru_cache(maxsize=_OPEN_FILES)
def _open_mapped(path: Path) -> Crops:
    # An array without rows cannot be mapped.
    return np.load(path, mmap_mode="r" if path.stat().st_size > 256 else None)  # type: ignore[no-any-return]


def _exact_path(base: Path) -> Path:
    return base.with_name(f"{base.name}-exact.npy")


def _wide_path(base: Path) -> Path:
    return base.with_name(f"{base.name}-wide.npy")
