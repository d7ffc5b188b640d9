"""Degrades faces of both classes alike, so that no class is known by its codec, size, colour or framing.

Every function takes and gives (height, width, 3), RGB, uint8, and draws from the generator it is given.
"""

from collections.abc import Callable

import cv2
import numpy as np

from worker.pipeline.results import Pixels

KERNELS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST)
# Nearest-neighbour enlarging is rare in the wild and ugly: it serves for shrinking alone.
ENLARGING_KERNELS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)

Rng = np.random.Generator


def degrade(pixels: Pixels, rng: Rng) -> Pixels:
    """One random chain of degradations, as a picture meets them: optics, editing, scaling, then compression."""
    steps: tuple[tuple[float, Callable[[Pixels, Rng], Pixels]], ...] = (
        (0.20, blur),
        (0.40, shift_colours),
        (0.12, to_grey),
        (0.20, add_noise),
        (0.50, lose_resolution),
        (0.15, sharpen),
        (0.70, recompress),
        (0.25, recompress),
        (0.15, cut_out),
        (0.12, replicate_edges),
    )
    for probability, step in steps:
        if rng.random() < probability:
            pixels = step(pixels, rng)
    return pixels


def jitter(wide: Pixels, rng: Rng, *, size_px: int, margin_ratio: float) -> Pixels:
    """A crop of about the scanned framing out of a wider one, shifted, scaled, turned a little and flipped.

    Args:
        wide: a square crop that shows more than the network sees.
        rng: the source of chance.
        size_px: side of the result.
        margin_ratio: side of the wide crop / side of the scanned crop, above 1.
    """
    side = wide.shape[0]
    wanted = side / margin_ratio * rng.uniform(0.85, 1.12)
    slack = 0.06 * wanted
    centre = side / 2 + rng.uniform(-slack, slack, size=2)
    turn = rng.uniform(-8, 8) if rng.random() < 0.3 else 0.0
    matrix = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), turn, size_px / wanted)
    matrix[:, 2] += size_px / 2 - centre
    kernel = int(rng.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC)))
    cut = cv2.warpAffine(wide, matrix, (size_px, size_px), flags=kernel, borderMode=cv2.BORDER_REPLICATE)
    picture = np.asarray(cut, np.uint8)
    return flip(picture) if rng.random() < 0.5 else picture


def flip(pixels: Pixels) -> Pixels:
    """Left and right exchanged."""
    return np.ascontiguousarray(pixels[:, ::-1])


def recompress(pixels: Pixels, rng: Rng) -> Pixels:
    """JPEG at quality 30 to 95, with full or halved colour; two in five pass through it on a shifted grid."""
    quality = int(rng.integers(30, 96))
    sampling = int(rng.choice((cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)))
    shift = int(rng.integers(1, 8)) if rng.random() < 0.4 else 0
    moved = cv2.copyMakeBorder(pixels, shift, 0, shift, 0, cv2.BORDER_REPLICATE) if shift else pixels
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(moved[:, :, ::-1]), options)[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[shift:, shift:, ::-1])


def lose_resolution(pixels: Pixels, rng: Rng) -> Pixels:
    """Shrunk to 25 to 90 % and enlarged again, each with a random kernel."""
    height, width = pixels.shape[:2]
    factor = rng.uniform(0.25, 0.9)
    small = (max(8, round(width * factor)), max(8, round(height * factor)))
    shrunk = cv2.resize(pixels, small, interpolation=int(rng.choice(KERNELS)))
    if rng.random() < 0.3:
        shrunk = recompress(np.asarray(shrunk, np.uint8), rng)
    grown = cv2.resize(shrunk, (width, height), interpolation=int(rng.choice(ENLARGING_KERNELS)))
    return np.asarray(grown, np.uint8)


def blur(pixels: Pixels, rng: Rng) -> Pixels:
    """Gaussian, or a median filter as beauty filters smooth skin."""
    if rng.random() < 0.25:
        return np.asarray(cv2.medianBlur(pixels, int(rng.choice((3, 5)))), np.uint8)
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 2.0)), np.uint8)


def sharpen(pixels: Pixels, rng: Rng) -> Pixels:
    """Unsharp mask, as cameras and sites apply it."""
    soft = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.7, 1.8))
    amount = rng.uniform(0.3, 1.2)
    return np.asarray(cv2.addWeighted(pixels, 1 + amount, soft, -amount, 0), np.uint8)


def add_noise(pixels: Pixels, rng: Rng) -> Pixels:
    """Gaussian noise of 1 to 10 grey levels, by pixel or (every other time) the same in all three colours."""
    height, width, colours = pixels.shape
    depth = colours if rng.random() < 0.5 else 1
    noise = rng.standard_normal((height, width, depth), dtype=np.float32) * rng.uniform(1, 10)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def shift_colours(pixels: Pixels, rng: Rng) -> Pixels:
    """Brightness, contrast, gamma, saturation and the balance of the three colours."""
    tone = np.linspace(0, 1, 256) ** rng.uniform(0.75, 1.35)
    tone = np.clip((tone - 0.5) * rng.uniform(0.75, 1.25) + 0.5 + rng.uniform(-0.1, 0.1), 0, 1)
    balance = rng.uniform(0.92, 1.08, size=3)
    tables = np.clip(tone[:, None] * balance * 255, 0, 255).astype(np.uint8)
    toned = np.asarray(cv2.LUT(pixels, tables.reshape(256, 1, 3)), np.uint8)
    grey = cv2.cvtColor(cv2.cvtColor(toned, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    saturation = rng.uniform(0.6, 1.3)
    return np.asarray(cv2.addWeighted(toned, saturation, grey, 1 - saturation, 0), np.uint8)


def to_grey(pixels: Pixels, rng: Rng) -> Pixels:  # noqa: ARG001 - every step has the same signature
    """Without colour, still in three channels."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def cut_out(pixels: Pixels, rng: Rng) -> Pixels:
    """A rectangle of up to a sixth of the picture painted over, so that no single feature decides."""
    height, width = pixels.shape[:2]
    tall, broad = (int(side * rng.uniform(0.12, 0.4)) for side in (height, width))
    top, left = int(rng.integers(0, height - tall)), int(rng.integers(0, width - broad))
    painted = pixels.copy()
    painted[top : top + tall, left : left + broad] = rng.integers(0, 256, size=3)
    return painted


def replicate_edges(pixels: Pixels, rng: Rng) -> Pixels:
    """The outermost rows or columns repeated inward, as a crop beyond the picture's edge looks."""
    height, width = pixels.shape[:2]
    top, bottom = (int(height * rng.uniform(0, 0.2)) * int(rng.random() < 0.5) for _ in range(2))
    left, right = (int(width * rng.uniform(0, 0.2)) * int(rng.random() < 0.5) for _ in range(2))
    core = pixels[top : height - bottom, left : width - right]
    return np.asarray(cv2.copyMakeBorder(core, top, bottom, left, right, cv2.BORDER_REPLICATE), np.uint8)
