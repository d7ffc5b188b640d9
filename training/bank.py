"""Lists the views of every face that are judged, and keeps their features before anything was learnt.

The backbone runs once over clean and degraded views; its features, averaged over positions, are a few kilobytes a
view. Heads of phase 1 learn from them, those of every fold alike.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from training.augmentation import DEFAULT_DEGRADATION
from training.face_set import WIDE_MARGIN
from training.feeding import Material, stream_pixels
from training.views import View, ViewPlan, list_views
from worker.pipeline.preprocessing import PREPROCESSING_VERSION


@dataclass(frozen=True)
class Bank:
    """Views of every face with their features; blended views are drawn anew in each epoch and are not among them.

    Args:
        views: what each row is.
        pooled: (rows, c), float32: features of the backbone as it starts.
        seed: that the views are drawn with.
    """

    views: tuple[View, ...]
    pooled: NDArray[np.float32]
    seed: int

    @property
    def items(self) -> NDArray[np.int64]:
        """The place of each row's picture or video in the material."""
        return np.array([view.item for view in self.views], np.int64)

    @property
    def targets(self) -> NDArray[np.float32]:
        """1 for fake, 0 for real."""
        return np.array([view.is_fake for view in self.views], np.float32)

    @property
    def kinds(self) -> NDArray[np.str_]:
        """What each row shows: "clean" or "degraded"."""
        return np.array([view.kind for view in self.views])

    @property
    def is_first(self) -> NDArray[np.bool_]:
        """Whether each row is the first of its kind of its face."""
        return np.array([view.number == 0 for view in self.views])


def fill_bank(
    material: Material,
    pooled_network: keras.Model,
    *,
    plan: ViewPlan,
    directory: Path,
    on_progress: Callable[[int, int, float], None] | None = None,
) -> Bank:
    """Runs every view through the untrained backbone; a complete earlier run is read back.

    Args:
        material: items with their faces.
        pooled_network: pixels 0..255 to features (n, c).
        plan: which views.
        directory: where the features are kept.
        on_progress: called with rows done, rows in all, seconds so far.
    """
    views = tuple(list_views(material, replace(plan, blended=0, crossed=0)))
    path = directory / f"{_key_of(material, pooled_network, plan)}-pooled.npy"
    if not path.is_file():
        directory.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, _features(material, views, pooled_network, plan, on_progress))
        partial.replace(path)
    return Bank(views, np.load(path, mmap_mode="r"), plan.seed)


def _features(
    material: Material,
    views: tuple[View, ...],
    network: keras.Model,
    plan: ViewPlan,
    on_progress: Callable[[int, int, float], None] | None,
) -> NDArray[np.float32]:
    started = time.monotonic()
    pooled = np.zeros((len(views), network.output.shape[-1]), np.float32)
    row = 0
    for pixels in stream_pixels(material, views, seed=plan.seed):
        stop = row + len(pixels)
        pooled[row:stop] = keras.ops.convert_to_numpy(network.predict_on_batch(pixels.astype(np.float32)))
        row = stop
        if on_progress is not None:
            on_progress(row, len(views), time.monotonic() - started)
    return pooled


def _key_of(material: Material, network: keras.Model, plan: ViewPlan) -> str:
    words = (plan.degraded, plan.seed, DEFAULT_DEGRADATION, network.input.shape, PREPROCESSING_VERSION, WIDE_MARGIN)
    digest = hashlib.sha256(repr(words).encode())
    for item, faces in material:
        digest.update(f"{faces.sha256} {item.label}".encode() + faces.boxes.tobytes())
    for weight in network.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()[:16]
