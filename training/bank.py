"""Runs the frozen trunk once over every view and keeps its features on disk, so that many tops can learn from them.

The trunk never changes while training, so one pass serves every epoch, every fold of a cross-validation and the
final run. The features lie in memory-mapped files: a set larger than memory works.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from training.crops import FaceSet
from training.dataset import Item
from training.views import View, ViewPlan, draw_batches, list_views

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Bank:
    """Features of every view.

    Args:
        views: what each row is.
        middle: (rows, h, w, c), float16, memory-mapped: what the trainable top starts from.
        pooled: (rows, c), float32: the untrained top's features, averaged over positions.
    """

    views: tuple[View, ...]
    middle: Floats
    pooled: Floats

    def targets_of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The targets of some rows, (n, 1)."""
        return np.array([[self.views[row].is_fake] for row in rows], np.float32)

    @property
    def items(self) -> NDArray[np.int64]:
        """The place of each row's picture or video in the material."""
        return np.array([view.item for view in self.views], np.int64)

    @property
    def targets(self) -> NDArray[np.float32]:
        """1 for fake (real or blended), 0 for real."""
        return np.array([view.is_fake for view in self.views], np.float32)

    @property
    def kinds(self) -> NDArray[np.str_]:
        """What each row shows: "clean", "degraded" or "blended"."""
        return np.array([view.kind for view in self.views])


def fill_bank(
    material: Sequence[tuple[Item, FaceSet]],
    trunk: keras.Model,
    top: keras.Model,
    *,
    plan: ViewPlan,
    directory: Path,
    on_progress: Callable[[int, int, float], None] | None = None,
) -> Bank:
    """Draws every view and runs it through trunk and untrained top; a complete earlier run is read back.

    Args:
        material: items with their faces.
        trunk: pixels to middle features.
        top: middle to last features.
        plan: which views.
        directory: where the features are kept.
        on_progress: called with rows done, rows in all, seconds so far.
    """
    views = list_views(material, plan)
    key = _key_of(material, trunk, top, plan)
    middle_path, pooled_path = directory / f"{key}-middle.npy", directory / f"{key}-pooled.npy"
    if not pooled_path.is_file():
        directory.mkdir(parents=True, exist_ok=True)
        _compute(material, views, trunk, top, plan, middle_path, pooled_path, on_progress)
    return Bank(tuple(views), np.load(middle_path, mmap_mode="r"), np.load(pooled_path))


def _compute(
    material: Sequence[tuple[Item, FaceSet]],
    views: list[View],
    trunk: keras.Model,
    top: keras.Model,
    plan: ViewPlan,
    middle_path: Path,
    pooled_path: Path,
    on_progress: Callable[[int, int, float], None] | None,
) -> None:
    started = time.monotonic()
    shape = (len(views), *trunk.outputs[0].shape[1:])
    middle = np.lib.format.open_memmap(middle_path, mode="w+", dtype=np.float16, shape=shape)
    pooled = np.zeros((len(views), top.outputs[0].shape[-1]), np.float32)
    row = 0
    for pixels in draw_batches(material, views, seed=plan.seed):
        features = np.asarray(trunk.predict_on_batch(pixels.astype(np.float32)))
        stop = row + len(pixels)
        middle[row:stop] = features
        pooled[row:stop] = np.asarray(top.predict_on_batch(features)).mean(axis=(1, 2))
        row = stop
        if on_progress is not None:
            on_progress(row, len(views), time.monotonic() - started)
    middle.flush()
    # Written last: its presence says that both are complete.
    np.save(pooled_path, pooled)


def _key_of(material: Sequence[tuple[Item, FaceSet]], trunk: keras.Model, top: keras.Model, plan: ViewPlan) -> str:
    digest = hashlib.sha256(repr(plan).encode())
    for item, faces in material:
        digest.update(f"{faces.sha256} {item.label} {len(faces.crops)} {faces.crops.shape}".encode())
    for network in (trunk, top):
        for weight in network.get_weights():
            digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()[:16]
