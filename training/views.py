"""Draws the views of each face that a network learns from: as scanned, degraded, or blended into a pseudo-fake."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from training.augmentation import DEFAULT_DEGRADATION, Degradation, Rng, degrade
from training.blending import DEFAULT_BLENDING, Blending, cross_blend, self_blend
from training.dataset import Item
from training.donors import Donors
from training.errors import TrainingError
from training.face_set import WIDE_MARGIN, FaceSet
from training.framing import frame_as_scanned, jitter
from worker.pipeline.preprocessing import CROP_MARGIN
from worker.pipeline.results import Pixels

Kind = Literal["clean", "degraded", "blended", "blended_clean", "crossed", "crossed_clean"]
"""As scanned; framed anew and mostly degraded; a pseudo-fake of itself, or of another's face too, either way."""
_SEEDS: dict[Kind, int] = {
    "clean": 0,
    "degraded": 0,
    "blended": 1_000_000,
    "blended_clean": 2_000_000,
    "crossed": 3_000_000,
    "crossed_clean": 4_000_000,
}
_RATIO = WIDE_MARGIN / CROP_MARGIN


@dataclass(frozen=True)
class Drawing:
    """How views are drawn, for both classes alike.

    Args:
        degradation: the odds of every step.
        blending: how pseudo-fakes are made.
        degraded_share: of the views that are not clean, how many pass through the chain; the others are framed alone.
        donors: where the faces of cross-blends come from; without any there are none.

    Raises:
        TrainingError: the share is not within 0..1.
    """

    degradation: Degradation = DEFAULT_DEGRADATION
    blending: Blending = DEFAULT_BLENDING
    degraded_share: float = 0.75
    donors: Donors | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.degraded_share <= 1:
            raise TrainingError(f"degraded_share must be from 0 to 1, got {self.degraded_share}")


DEFAULT_DRAWING = Drawing()


@dataclass(frozen=True)
class ViewPlan:
    """How many views of each face are drawn.

    Args:
        degraded: of every face, beside the one clean view; a quarter of them are moved only.
        blended: pseudo-fakes of every real face, blended with itself.
        crossed: pseudo-fakes of every real face, blended with another's.
        seed: where chance starts, so that a run can be repeated.
    """

    degraded: int = 2
    blended: int = 1
    crossed: int = 0
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
                views += [View(place, face, "blended", n, is_fake=True) for n in range(plan.blended)]
                views += [View(place, face, "crossed", n, is_fake=True) for n in range(plan.crossed)]
    return views


def draw_view(faces: FaceSet, view: View, *, seed: int, drawing: Drawing = DEFAULT_DRAWING) -> Pixels:
    """The pixels of one view; the same for the same seed, content and number."""
    number = view.number + _SEEDS[view.kind]
    rng = np.random.default_rng([seed, int(faces.sha256[:12], 16), view.face, number])
    return draw(faces, view.face, view.kind, rng, drawing)


def draw(faces: FaceSet, face: int, kind: Kind, rng: Rng, drawing: Drawing = DEFAULT_DRAWING) -> Pixels:
    """One look at a face: (size, size, 3), RGB, uint8.

    Args:
        faces: of one picture or video.
        face: its place among them.
        kind: what is shown.
        rng: the source of chance.
        drawing: how.

    Raises:
        TrainingError: a cross-blend is asked for without donors.
    """
    if kind == "clean":
        return np.array(faces.crops[face], np.uint8)
    size_px = faces.crops.shape[1]
    wide = np.asarray(faces.wide[face], np.uint8)
    if kind in ("blended", "blended_clean"):
        wide = self_blend(wide, faces.points_in_wide(face), rng, drawing.blending)
    elif kind in ("crossed", "crossed_clean"):
        wide = _cross(faces, face, wide, rng, drawing)
    if kind in ("blended_clean", "crossed_clean"):
        return frame_as_scanned(wide, size_px=size_px, margin_ratio=_RATIO)
    framed = jitter(wide, rng, size_px=size_px, margin_ratio=_RATIO, degradation=drawing.degradation)
    # The odds are one for real faces and fakes: with two, damage itself would tell them apart.
    return degrade(framed, rng, drawing.degradation) if rng.random() < drawing.degraded_share else framed


def _cross(faces: FaceSet, face: int, wide: Pixels, rng: Rng, drawing: Drawing) -> Pixels:
    if drawing.donors is None:
        raise TrainingError("faces cannot be blended with others' without donors: give Drawing some")
    points = faces.points_in_wide(face)
    picked = drawing.donors.pick(faces, face, rng)
    if picked is None:
        return self_blend(wide, points, rng, drawing.blending)
    donor, place = picked
    donor_pixels = np.asarray(donor.wide[place], np.uint8)
    return cross_blend(wide, points, donor_pixels, donor.points_in_wide(place), rng, drawing.blending)
