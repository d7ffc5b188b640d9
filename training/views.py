"""Draws the views of each face that a network learns from: as scanned, degraded, or blended into a pseudo-fake."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.augmentation import degrade, jitter
from training.blending import self_blend
from training.crops import WIDE_MARGIN, FaceSet
from training.dataset import Item
from worker.pipeline.preprocessing import CROP_MARGIN
from worker.pipeline.results import Pixels

Kind = Literal["clean", "degraded", "blended"]
_BLENDED_SEED = 1_000_000


@dataclass(frozen=True)
class ViewPlan:
    """How many views of each face are drawn.

    Args:
        degraded: of every face, beside the one clean view; a quarter of them are moved only.
        blended: pseudo-fakes of every real face; half of them are degraded on top.
        seed: where chance starts, so that a run can be repeated.
    """

    degraded: int = 2
    blended: int = 1
    seed: int = 0


@dataclass(frozen=True)
class View:
    """One row of the bank: which face, how it is shown, what it counts as."""

    item: int
    face: int
    kind: Kind
    number: int
    is_fake: bool


def list_views(material: Sequence[tuple[Item, FaceSet]], plan: ViewPlan) -> list[View]:
    """Every view to be drawn, of the largest face of each picture and sampled frame."""
    views: list[View] = []
    for place, (item, faces) in enumerate(material):
        for face in faces.largest.tolist():
            views.append(View(place, face, "clean", 0, item.is_fake))
            views += [View(place, face, "degraded", n, item.is_fake) for n in range(plan.degraded)]
            if not item.is_fake:
                views += [View(place, face, "blended", n, True) for n in range(plan.blended)]  # noqa: FBT003 - a field
    return views


def draw_view(faces: FaceSet, view: View, *, seed: int) -> Pixels:
    """The pixels of one view; the same for the same seed, content and number."""
    if view.kind == "clean":
        return np.asarray(faces.crops[view.face], np.uint8)
    offset = _BLENDED_SEED if view.kind == "blended" else 0
    rng = np.random.default_rng([seed, int(faces.sha256[:12], 16), view.face, view.number + offset])
    wide: Pixels = faces.wide[view.face]
    ratio = WIDE_MARGIN / CROP_MARGIN
    if view.kind == "blended":
        wide = self_blend(wide, rng, face_share=1 / WIDE_MARGIN)
    moved = jitter(wide, rng, size_px=faces.crops.shape[1], margin_ratio=ratio)
    is_degraded = rng.random() < (0.5 if view.kind == "blended" else 0.75)
    return degrade(moved, rng) if is_degraded else moved


def draw_batches(
    material: Sequence[tuple[Item, FaceSet]], views: Sequence[View], *, seed: int, batch: int = 64, threads: int = 2
) -> Iterator[NDArray[np.uint8]]:
    """The views' pixels in batches (n, size, size, 3), drawn ahead by a few threads."""

    def draw(view: View) -> Pixels:
        return draw_view(material[view.item][1], view, seed=seed)

    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(views), batch):
            yield np.stack(list(pool.map(draw, views[start : start + batch])))
