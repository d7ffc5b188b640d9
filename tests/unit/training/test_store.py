"""Faces that lie on disk."""

from pathlib import Path

import numpy as np

from training.store import StoredFaces, store_faces


def test_faces_are_mapped_and_not_read(tmp_path: Path) -> None:
    """What was written comes back as a mapping of the file."""
    exact = np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3)
    wide = np.zeros((2, 10, 10, 3), np.uint8)

    stored = store_faces(tmp_path / "a", exact=exact, wide=wide)

    assert isinstance(stored.exact, np.memmap)
    assert np.array_equal(stored.exact, exact)
    assert stored.wide.shape == (2, 10, 10, 3)


def test_half_written_faces_are_not_whole(tmp_path: Path) -> None:
    """A kill between the two files leaves faces that count as missing."""
    assert not StoredFaces(tmp_path / "a").is_whole
    np.save(tmp_path / "a-exact.npy", np.zeros((1, 8, 8, 3), np.uint8))

    assert not StoredFaces(tmp_path / "a").is_whole


def test_an_item_without_faces_is_kept_too(tmp_path: Path) -> None:
    """An empty array, which cannot be mapped, is read."""
    stored = store_faces(
        tmp_path / "a", exact=np.zeros((0, 8, 8, 3), np.uint8), wide=np.zeros((0, 10, 10, 3), np.uint8)
    )

    assert stored.is_whole
    assert stored.exact.shape == (0, 8, 8, 3)
