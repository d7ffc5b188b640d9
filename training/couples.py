"""Decides which faces an epoch shows: couples of a real and a fake face, every source heard.

A source of n faces counts as root n, so that it is neither drowned nor learnt by heart. Of the couples, some are a
real face with a fake of the same source (or of its matched one), best of the same footage and frame; some are a real
face with itself, blended; the rest were drawn apart. A couple shares its kind of view, so the kind says nothing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from training.crops import FaceSet
from training.dataset import Item
from training.errors import TrainingError
from training.recipe import Recipe
from training.shown import shown_weights
from training.views import Kind, View

Rows = NDArray[np.int64]

# Far from the numbers of the views that are drawn once and kept.
_FIRST_NUMBER = 10_000_000


class CoupleDrawer:
    """Draws the views of an epoch; the same for the same seed, epoch and material.

    Args:
        material: items with their faces.
        learning: places of the items that may be shown.
        recipe: the shares, the batch and the seed.
        matched: pairs of sources that belong together.

    Raises:
        TrainingError: there are no real, or no fake faces.
    """

    def __init__(
        self,
        material: Sequence[tuple[Item, FaceSet]],
        learning: Rows,
        *,
        recipe: Recipe,
        matched: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._recipe = recipe
        faces = [(int(place), face) for place in learning for face in material[place][1].largest.tolist()]
        items = [material[place][0] for place, _ in faces]
        self._items = np.array([place for place, _ in faces], np.int64)
        self._faces = np.array([face for _, face in faces], np.int64)
        self._fake = np.array([item.is_fake for item in items], bool)
        if not self._fake.any() or self._fake.all():
            raise TrainingError("training needs real and fake faces, got one class only")
        self._weights = shown_weights(items, replay=recipe.replay, video_share=recipe.video_share)
        self._partners = _partners_of(faces, material, matched)
        self._pairable = np.array([row in self._partners for row in range(len(faces))], bool)

    def draw(self, epoch: int) -> list[View]:
        """The views of an epoch: a whole number of batches, real and fake in turn."""
        recipe = self._recipe
        rng = np.random.default_rng([recipe.seed, epoch])
        count = recipe.steps_per_epoch * recipe.batch // 2
        kinds = rng.random(count)
        blended = kinds < recipe.blended_share
        paired = ~blended & (rng.random(count) < recipe.paired_share) & bool(self._pairable.any())
        clean = rng.random(count) < recipe.clean_share
        first, second = self._draw_apart(count, rng)
        # Blended couples need a real face, whatever was drawn apart.
        first[blended] = self._draw_rows(~self._fake, int(blended.sum()), rng)
        second[blended] = first[blended]
        second[paired] = self._draw_rows(self._pairable, int(paired.sum()), rng)
        first[paired] = [rng.choice(self._partners[row]) for row in second[paired].tolist()]
        views: list[View] = []
        crossed = blended & (rng.random(count) < recipe.crossed_share)
        for n in range(count):
            number = _FIRST_NUMBER + (epoch * count + n) * 2
            views.append(self._view(first[n], number, is_clean=clean[n]))
            if blended[n]:
                views.append(self._blend(second[n], number + 1, is_clean=clean[n], is_crossed=crossed[n]))
            else:
                views.append(self._view(second[n], number + 1, is_clean=clean[n]))
        return views

    def _draw_apart(self, count: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
        if self._recipe.class_weights == "found":
            anything = np.ones(len(self._fake), bool)
            return self._draw_rows(anything, count, rng), self._draw_rows(anything, count, rng)
        return self._draw_rows(~self._fake, count, rng), self._draw_rows(self._fake, count, rng)

    def _draw_rows(self, chosen: NDArray[np.bool_], count: int, rng: np.random.Generator) -> Rows:
        if count == 0:
            return np.zeros(0, np.int64)
        rows = np.flatnonzero(chosen)
        weights = self._weights[rows]
        return rng.choice(rows, size=count, p=weights / weights.sum())

    def _view(self, row: int, number: int, *, is_clean: bool) -> View:
        item, face, is_fake = int(self._items[row]), int(self._faces[row]), bool(self._fake[row])
        # The clean view is one: its number draws nothing.
        return View(item, face, "clean", 0, is_fake) if is_clean else View(item, face, "degraded", number, is_fake)

    def _blend(self, row: int, number: int, *, is_clean: bool, is_crossed: bool) -> View:
        kinds: tuple[tuple[Kind, Kind], ...] = (("blended", "blended_clean"), ("crossed", "crossed_clean"))
        kind = kinds[int(is_crossed)][int(is_clean)]
        return View(int(self._items[row]), int(self._faces[row]), kind, number, is_fake=True)


def _partners_of(
    faces: Sequence[tuple[int, int]], material: Sequence[tuple[Item, FaceSet]], matched: Sequence[tuple[str, str]]
) -> Mapping[int, Rows]:
    """For each fake row whose source (or matched source) has real faces: the nearest of those."""
    first_of = {second: first for first, second in matched}
    by_source: dict[str, list[int]] = defaultdict(list)
    by_identity: dict[tuple[str, str], list[int]] = defaultdict(list)
    by_frame: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for row, (place, face) in enumerate(faces):
        item, face_set = material[place]
        if not item.is_fake:
            source = first_of.get(item.source, item.source)
            by_source[source].append(row)
            for identity in item.identities:
                by_identity[source, identity].append(row)
                by_frame[source, identity, int(face_set.frames[face])].append(row)
    found: dict[int, Rows] = {}
    for row, (place, face) in enumerate(faces):
        item, face_set = material[place]
        if item.is_fake:
            source, frame = first_of.get(item.source, item.source), int(face_set.frames[face])
            near = [other for identity in item.identities for other in by_frame.get((source, identity, frame), ())]
            near = near or [other for identity in item.identities for other in by_identity.get((source, identity), ())]
            near = near or by_source.get(source, [])
            if near:
                found[row] = np.array(near, np.int64)
    return found
