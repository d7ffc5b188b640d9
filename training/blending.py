"""Makes pseudo-fakes out of real faces by blending a face with a changed copy of itself.

After "Detecting Deepfakes with Self-Blended Images" (Shiohara & Yamasaki, CVPR 2022), with a mask from the
box's geometry in place of dense landmarks: the crop is centred on the face and scaled by it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.augmentation import Rng
from worker.pipeline.results import Pixels

Mask = NDArray[np.float32]
"""(height, width), 0..1: how much of the changed copy shows."""


def self_blend(pixels: Pixels, rng: Rng, *, face_share: float) -> Pixels:
    """The face region replaced by a slightly moved, recoloured and resharpened copy of itself.

    Args:
        pixels: a square crop, centred on the face.
        rng: the source of chance.
        face_share: side of the detector's box / side of the crop.
    """
    inner, outer = pixels, pixels
    if rng.random() < 0.5:
        inner = _change(pixels, rng)
    else:
        outer = _change(pixels, rng)
    mask = face_mask(pixels.shape[0], rng, face_share=face_share)
    inner, mask = _move(inner, mask, rng)
    strength = float(rng.choice((0.5, 0.75, 1.0, 1.0, 1.0)))
    weight = (mask * strength)[:, :, None]
    return np.clip(inner * weight + outer * (1 - weight) + 0.5, 0, 255).astype(np.uint8)


def face_mask(side_px: int, rng: Rng, *, face_share: float) -> Mask:
    """A soft random patch over the face: a wobbly ellipse, at times only its upper or lower part."""
    face = side_px * face_share
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    knots = rng.uniform(0.85, 1.12, size=8)
    wobble = np.interp(np.arange(24), np.linspace(0, 24, 9), np.append(knots, knots[0]))
    # CenterFace's boxes reach from the chin to above the brows; a swap covers a little less.
    across, down = face * rng.uniform(0.34, 0.5), face * rng.uniform(0.36, 0.52)
    middle = side_px / 2 + face * np.array([rng.uniform(-0.03, 0.03), rng.uniform(-0.02, 0.08)])
    outline = middle + np.stack([np.cos(angles) * across, np.sin(angles) * down], axis=1) * wobble[:, None]
    if rng.random() < 0.25:
        border = middle[1] + face * rng.uniform(-0.1, 0.1)
        outline[:, 1] = np.maximum(outline[:, 1], border)
    mask = np.zeros((side_px, side_px), np.float32)
    cv2.fillPoly(mask, [outline.astype(np.int32)], 1.0)
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), face * rng.uniform(0.015, 0.07)), np.float32)
    if rng.random() < 0.5:
        core = np.where(soft > 0.5, soft, 0).astype(np.float32)
        soft = np.asarray(cv2.GaussianBlur(core, (0, 0), face * rng.uniform(0.01, 0.04)), np.float32)
    return np.asarray(soft / max(float(soft.max()), 1e-6), np.float32)


def _change(pixels: Pixels, rng: Rng) -> Pixels:
    """Another colour and another sharpness, as a generated face has them beside its surroundings."""
    toned = pixels * rng.uniform(0.93, 1.07, size=3) + rng.uniform(-12, 12, size=3)
    toned = (toned - 128) * rng.uniform(0.88, 1.12) + 128
    changed: Pixels = np.clip(toned, 0, 255).astype(np.uint8)
    choice = rng.random()
    if choice < 0.6:
        side = pixels.shape[0]
        small = max(16, round(side * rng.uniform(0.25, 0.8)))
        shrunk = cv2.resize(changed, (small, small), interpolation=cv2.INTER_AREA)
        kernel = int(rng.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC)))
        changed = np.asarray(cv2.resize(shrunk, (side, side), interpolation=kernel), np.uint8)
    elif choice < 0.85:
        soft = cv2.GaussianBlur(changed, (0, 0), 1.2)
        changed = np.asarray(cv2.addWeighted(changed, 1.8, soft, -0.8, 0), np.uint8)
    return changed


def _move(inner: Pixels, mask: Mask, rng: Rng) -> tuple[Pixels, Mask]:
    side = inner.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-2.5, 2.5), rng.uniform(0.96, 1.04))
    matrix[:, 2] += rng.uniform(-0.025, 0.025, size=2) * side
    moved = cv2.warpAffine(inner, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    moved_mask = cv2.warpAffine(mask, matrix, (side, side), flags=cv2.INTER_LINEAR)
    return np.asarray(moved, np.uint8), np.asarray(moved_mask, np.float32)
