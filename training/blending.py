"""Makes pseudo-fakes out of real faces: a face blended with a changed copy of itself, or with somebody else's face.

After "Detecting Deepfakes with Self-Blended Images" (Shiohara & Yamasaki, CVPR 2022) and "Face X-ray" (Li et al., CVPR
2020). What gives a swap away is not the face but the seam: two sharpnesses, two tones, two places within one picture.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from training.augmentation import Rng
from training.errors import TrainingError
from training.landmarks import Points, Region, outline_of, warp_between
from worker.pipeline.results import Pixels

Mask = NDArray[np.float32]
"""(height, width), 0..1: how much of the inserted face shows."""

# Masks are smooth: drawn small and enlarged they look the same and cost a quarter.
_MASK_SIDE = 128
# Between the three colours of a pixel of a grey picture that was saved as JPEG.
_GREY_LEVELS = 6


@dataclass(frozen=True)
class Blending:
    """How pseudo-fakes are made.

    Args:
        regions: what is replaced, each with its weight in the draw.
        strengths: shares of the inserted face in the middle of the mask, drawn alike.
        colour: odds that one side gets other colours.
        sharpness: odds that one side gets another sharpness.
        shift: the inserted face moves by up to this share of the crop's side.
        scale: it grows or shrinks by up to this share.
        turn_deg: it turns by up to this.
        wobble: how far the region's edge strays, as a share of the crop's side.

    Raises:
        TrainingError: no region has a weight, or a strength is not within 0..1.
    """

    regions: tuple[tuple[Region, float], ...] = (
        ("face", 3.0),
        ("inner", 3.0),
        ("forehead", 1.5),
        ("lower", 1.0),
        ("eyes_nose", 1.0),
        ("mouth", 1.0),
        ("eyes", 0.5),
        ("nose", 0.25),
    )
    strengths: tuple[float, ...] = (0.5, 0.75, 1.0, 1.0, 1.0)
    colour: float = 0.8
    sharpness: float = 0.85
    shift: float = 0.02
    scale: float = 0.045
    turn_deg: float = 2.0
    wobble: float = 0.018

    def __post_init__(self) -> None:
        if sum(weight for _, weight in self.regions) <= 0 or any(weight < 0 for _, weight in self.regions):
            raise TrainingError(f"regions need weights from 0 on, one of them above, got {self.regions}")
        if not self.strengths or not all(0 < strength <= 1 for strength in self.strengths):
            raise TrainingError(f"strengths must be above 0 and at most 1, got {self.strengths}")


DEFAULT_BLENDING = Blending()


def self_blend(pixels: Pixels, points: Points, rng: Rng, blending: Blending = DEFAULT_BLENDING) -> Pixels:
    """A region of the face replaced by a moved, recoloured and resharpened copy of itself.

    Args:
        pixels: a square crop of a face, RGB, uint8.
        points: (5, 2): its landmarks in pixels of the crop.
        rng: the source of chance.
        blending: how.
    """
    inner, outer = pixels, pixels
    if rng.random() < 0.5:
        inner = change_look(pixels, rng, blending)
    else:
        outer = change_look(pixels, rng, blending)
    mask = draw_mask(points, pixels.shape[0], rng, blending)
    inner, mask = _move(inner, mask, rng, blending)
    return _as_colourful(_compose(inner, outer, mask, rng, blending), pixels)


def cross_blend(
    pixels: Pixels,
    points: Points,
    donor: Pixels,
    donor_points: Points,
    rng: Rng,
    blending: Blending = DEFAULT_BLENDING,
) -> Pixels:
    """A region of the face replaced by the same region of another face, laid onto it and given its colours.

    Args:
        pixels: a square crop of a face, RGB, uint8.
        points: (5, 2): its landmarks in pixels of the crop.
        donor: a crop of another face, of any size.
        donor_points: (5, 2): in pixels of `donor`.
        rng: the source of chance.
        blending: how.
    """
    side = pixels.shape[0]
    matrix = warp_between(donor_points, points)
    kernel = int(rng.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC)))
    laid = cv2.warpAffine(donor, matrix, (side, side), flags=kernel, borderMode=cv2.BORDER_REFLECT)
    mask = draw_mask(points, side, rng, blending)
    inner = match_colours(np.asarray(laid, np.uint8), pixels, mask)
    if rng.random() < 0.5:
        inner = change_look(inner, rng, blending)
    return _as_colourful(_compose(inner, pixels, mask, rng, blending), pixels)


def draw_mask(points: Points, side_px: int, rng: Rng, blending: Blending = DEFAULT_BLENDING) -> Mask:
    """A soft mask over a random region of the face, its outline bent at random."""
    names = [name for name, _ in blending.regions]
    weights = np.array([weight for _, weight in blending.regions])
    outline = outline_of(points, names[int(rng.choice(len(names), p=weights / weights.sum()))])
    middle = outline.mean(axis=0)
    outline = (middle + (outline - middle) * rng.uniform(0.9, 1.06)) * (_MASK_SIDE / side_px)
    mask = np.zeros((_MASK_SIDE, _MASK_SIDE), np.float32)
    # Sixteenths of a pixel, so that small regions have no stairs.
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 1.0, lineType=cv2.LINE_AA, shift=4)
    soft = soften(bend(mask, rng, strength_px=blending.wobble * _MASK_SIDE), rng)
    return np.asarray(cv2.resize(soft, (side_px, side_px), interpolation=cv2.INTER_LINEAR), np.float32)


def bend(mask: Mask, rng: Rng, *, strength_px: float) -> Mask:
    """The mask under a smooth random deformation (elastic, as Simard et al. 2003), `strength_px` at one deviation."""
    side = mask.shape[0]
    coarse = rng.normal(0, strength_px, (8, 8, 2)).astype(np.float32)
    offsets = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    places = offsets + _grid(side)
    return np.asarray(cv2.remap(mask, places[..., 0], places[..., 1], cv2.INTER_LINEAR), np.float32)


def soften(mask: Mask, rng: Rng) -> Mask:
    """The mask blurred, cut back to its core every other time, and blurred again; its highest value is 1."""
    side = mask.shape[0]
    soft = cv2.GaussianBlur(mask, (0, 0), side * rng.uniform(0.006, 0.03))
    if rng.random() < 0.5:
        core = np.where(soft > 0.9 * float(soft.max()), soft, 0).astype(np.float32)
        soft = cv2.GaussianBlur(core, (0, 0), side * rng.uniform(0.01, 0.04))
    return np.asarray(soft / max(float(soft.max()), 1e-6), np.float32)


def change_look(pixels: Pixels, rng: Rng, blending: Blending = DEFAULT_BLENDING) -> Pixels:
    """Another colour and another sharpness, as an inserted face has them beside its surroundings."""
    changed = _recolour(pixels, rng) if rng.random() < blending.colour else pixels
    return _resharpen(changed, rng) if rng.random() < blending.sharpness else changed


def match_colours(inserted: Pixels, around: Pixels, mask: Mask) -> Pixels:
    """The inserted face with the mean and deviation that the mask's place has in CIE L*a*b* (Reinhard et al., 2001)."""
    ours, theirs = (cv2.cvtColor(picture, cv2.COLOR_RGB2LAB) for picture in (inserted, around))
    # A quarter of the sides is enough to know the colours.
    size = (max(1, mask.shape[1] // 4), max(1, mask.shape[0] // 4))
    small = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in (ours, theirs)]
    under = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 0.5
    if not under.any():
        return inserted
    mean, deviation = small[0][under].mean(axis=0), small[0][under].std(axis=0)
    wanted, spread = small[1][under].mean(axis=0), small[1][under].std(axis=0)
    gain = np.clip(spread / np.maximum(deviation, 1e-3), 0.5, 2.0)
    tables = ((np.arange(256)[:, None] - mean) * gain + wanted + 0.5).clip(0, 255).astype(np.uint8)
    matched = cv2.LUT(ours, tables.reshape(256, 1, 3))
    return np.asarray(cv2.cvtColor(matched, cv2.COLOR_LAB2RGB), np.uint8)


@cache
def _grid(side: int) -> NDArray[np.float32]:
    """The column and the row of every pixel, (side, side, 2)."""
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    return np.stack([columns, rows], axis=2)


def _compose(inner: Pixels, outer: Pixels, mask: Mask, rng: Rng, blending: Blending) -> Pixels:
    strength = float(rng.choice(blending.strengths))
    weight = mask * np.float32(strength)
    return np.asarray(cv2.blendLinear(inner, outer, weight, 1 - weight), np.uint8)


def _as_colourful(blended: Pixels, pixels: Pixels) -> Pixels:
    """Without colour where the face had none: a tinted patch in a grey picture would be too easy to find."""
    if int(np.ptp(pixels[::8, ::8].astype(np.int16), axis=2).max()) > _GREY_LEVELS:
        return blended
    return np.asarray(cv2.cvtColor(cv2.cvtColor(blended, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def _recolour(pixels: Pixels, rng: Rng) -> Pixels:
    levels = np.arange(256)[:, None] + rng.uniform(-14, 14, size=3)
    contrast = rng.uniform(0.9, 1.1)
    tables = ((levels - 128) * contrast + 128 + rng.uniform(-12, 12)).clip(0, 255).astype(np.uint8)
    toned = cv2.LUT(pixels, tables.reshape(256, 1, 3))
    grey = cv2.cvtColor(cv2.cvtColor(toned, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    saturation = rng.uniform(0.75, 1.25)
    return np.asarray(cv2.addWeighted(toned, saturation, grey, 1 - saturation, 0), np.uint8)


def _resharpen(pixels: Pixels, rng: Rng) -> Pixels:
    side = pixels.shape[0]
    choice = rng.random()
    if choice < 0.55:
        small = max(16, round(side * rng.uniform(0.25, 0.8)))
        shrunk = cv2.resize(pixels, (small, small), interpolation=cv2.INTER_AREA)
        kernel = int(rng.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST), p=(0.45, 0.45, 0.1)))
        return np.asarray(cv2.resize(shrunk, (side, side), interpolation=kernel), np.uint8)
    soft = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.8, 1.8))
    if choice < 0.75:
        return np.asarray(soft, np.uint8)
    amount = rng.uniform(0.3, 1.0)
    return np.asarray(cv2.addWeighted(pixels, 1 + amount, soft, -amount, 0), np.uint8)


def _move(inner: Pixels, mask: Mask, rng: Rng, blending: Blending) -> tuple[Pixels, Mask]:
    side = inner.shape[0]
    turn = rng.uniform(-blending.turn_deg, blending.turn_deg)
    scale = 1 + rng.uniform(-blending.scale, blending.scale)
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), turn, scale)
    matrix[:, 2] += rng.uniform(-blending.shift, blending.shift, size=2) * side
    moved = cv2.warpAffine(inner, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    moved_mask = cv2.warpAffine(mask, matrix, (side, side), flags=cv2.INTER_LINEAR)
    return np.asarray(moved, np.uint8), np.asarray(moved_mask, np.float32)
