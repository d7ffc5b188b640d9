"""Feeds a fit with pixels: faces are read from disk, changed and stacked by a few threads, ahead of the network.

What a batch holds depends on the seed, the epoch and its number alone, never on the order in which threads finish.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.couples import CoupleDrawer
from training.crops import FaceSet
from training.dataset import Item
from training.recipe import Recipe
from training.views import DEFAULT_DRAWING, Drawing, View, draw_view
from worker.pipeline.results import Pixels

Material = Sequence[tuple[Item, FaceSet]]

# Two batches wait while the network works on a third.
BATCHES_AHEAD = 2


class DrawnFaces(keras.utils.PyDataset):  # type: ignore[misc]  # Keras publishes no types
    """Batches of an epoch: pixels (n, size, size, 3) in 0..255, targets (n, 1) in 0..1, and weights where asked.

    Args:
        material: items with their faces.
        drawer: which views an epoch shows.
        drawing: how a view is drawn.
        recipe: batch, MixUp, class weights, seed.
        first_epoch: the epoch that comes first, counted from 0.
        threads: that draw faces; None fits the machine.
    """

    def __init__(
        self,
        material: Material,
        drawer: CoupleDrawer,
        *,
        recipe: Recipe,
        drawing: Drawing = DEFAULT_DRAWING,
        first_epoch: int = 0,
        threads: int | None = None,
    ) -> None:
        # Keras' own reading ahead would run into the next epoch before it is told of it.
        super().__init__(workers=1)
        self._material = material
        self._drawer = drawer
        self._recipe = recipe
        self._drawing = drawing
        self._epoch = first_epoch
        self._views = drawer.draw(first_epoch)
        self._pool = ThreadPoolExecutor(threads or thread_count(), thread_name_prefix="faces")
        self._waiting: dict[int, list[Future[Pixels]]] = {}

    def __len__(self) -> int:
        return self._recipe.steps_per_epoch

    def __getitem__(self, index: int) -> tuple[NDArray[Any], ...]:
        for ahead in range(index, min(index + 1 + BATCHES_AHEAD, len(self))):
            if ahead not in self._waiting:
                self._waiting[ahead] = [self._pool.submit(self._draw, view) for view in self._views_of(ahead)]
        pixels = np.stack([drawn.result() for drawn in self._waiting.pop(index)])
        targets = np.array([[view.is_fake] for view in self._views_of(index)], np.float32)
        return _weighed(*self._mixed(pixels, targets, index), self._recipe)

    def on_epoch_end(self) -> None:
        """Draws the next epoch's faces."""
        self._epoch += 1
        self._waiting.clear()
        self._views = self._drawer.draw(self._epoch)

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _views_of(self, index: int) -> list[View]:
        return self._views[index * self._recipe.batch : (index + 1) * self._recipe.batch]

    def _draw(self, view: View) -> Pixels:
        return draw_view(self._material[view.item][1], view, seed=self._recipe.seed, drawing=self._drawing)

    def _mixed(
        self, pixels: NDArray[np.uint8], targets: NDArray[np.float32], index: int
    ) -> tuple[NDArray[Any], NDArray[np.float32]]:
        if self._recipe.mixup == 0:
            return pixels, targets
        rng = np.random.default_rng([self._recipe.seed, self._epoch, index, 1])
        return mix_up(pixels, targets, rng, alpha=self._recipe.mixup)


def mix_up(
    pixels: NDArray[np.uint8], targets: NDArray[np.float32], rng: np.random.Generator, *, alpha: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Each example mixed with another of its batch, and their targets alike (Zhang et al., ICLR 2018)."""
    share = rng.beta(alpha, alpha, size=len(pixels)).astype(np.float32)
    # The nearer of the two stays in front, so that mixing with oneself and with all of another are one case.
    share = np.maximum(share, 1 - share)
    other = rng.permutation(len(pixels))
    by_pixel = share[:, None, None, None]
    mixed = pixels * by_pixel + pixels[other] * (1 - by_pixel)
    return mixed.astype(np.float32), targets * share[:, None] + targets[other] * (1 - share[:, None])


def stream_pixels(
    material: Material, views: Sequence[View], *, seed: int, batch: int = 64, threads: int | None = None
) -> Iterator[NDArray[np.uint8]]:
    """The views' pixels in batches (n, size, size, 3), in their order, drawn ahead of who takes them."""

    def draw(view: View) -> Pixels:
        return draw_view(material[view.item][1], view, seed=seed)

    with ThreadPoolExecutor(threads or thread_count(), thread_name_prefix="faces") as pool:
        waiting: list[list[Future[Pixels]]] = []
        for start in range(0, len(views), batch):
            waiting.append([pool.submit(draw, view) for view in views[start : start + batch]])
            if len(waiting) > BATCHES_AHEAD:
                yield np.stack([drawn.result() for drawn in waiting.pop(0)])
        for drawing in waiting:
            yield np.stack([drawn.result() for drawn in drawing])


def thread_count() -> int:
    """Threads that draw faces: OpenCV works beside Python's lock, more than eight wait for it."""
    return max(2, min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2))


def _weighed(pixels: NDArray[Any], targets: NDArray[np.float32], recipe: Recipe) -> tuple[NDArray[Any], ...]:
    if isinstance(recipe.class_weights, str):
        return pixels, targets
    real, fake = recipe.class_weights
    return pixels, targets, (real * (1 - targets) + fake * targets)[:, 0]
