"""Degrades faces of both classes alike, so that no class is known by its codec, size, colour or framing.

Nothing here is told a label. Every function takes and gives (height, width, 3), RGB, uint8, and draws from the
generator it is given.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np

from training.compression import draw_setting, encode_face
from training.errors import TrainingError
from worker.pipeline.results import Pixels

KERNELS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST)
# Nearest-neighbour enlarging is rare in the wild and ugly: it serves for shrinking alone.
ENLARGING_KERNELS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)

Rng = np.random.Generator
Step = Callable[[Pixels, Rng], Pixels]


@dataclass(frozen=True)
class Degradation:
    """The odds, 0..1, of each step; 0 switches a step off, so that an ablation can.

    Args:
        blur: Gaussian or median.
        colour: brightness, contrast, gamma, saturation, balance.
        grey: without colour.
        noise: of 1 to 10 grey levels.
        resolution: shrunk and enlarged with mixed kernels.
        sharpen: unsharp mask.
        jpeg: quality 30 to 95.
        jpeg_again: a second time.
        h264: CRF 18 to 40, at web sizes every other time.
        cut_out: a rectangle painted over.
        edges: outermost rows or columns repeated inward.
        flip: left and right exchanged, while the face is framed.
        turn: turned by up to 8 degrees, while the face is framed.
        zoom: framed wider or closer than a scan does.

    Raises:
        TrainingError: odds are not within 0..1.
    """

    blur: float = 0.20
    colour: float = 0.40
    grey: float = 0.12
    noise: float = 0.20
    resolution: float = 0.45
    sharpen: float = 0.15
    jpeg: float = 0.55
    jpeg_again: float = 0.15
    h264: float = 0.35
    cut_out: float = 0.15
    edges: float = 0.12
    flip: float = 0.5
    turn: float = 0.3
    zoom: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 <= getattr(self, field.name) <= 1:
                raise TrainingError(f"odds of {field.name} must be from 0 to 1, got {getattr(self, field.name)}")

    def without(self, *steps: str) -> "Degradation":
        """The same with some steps switched off.

        Raises:
            TrainingError: there is no step of a name.
        """
        known = [field.name for field in fields(self)]
        unknown = [step for step in steps if step not in known]
        if unknown:
            raise TrainingError(f"no degradation called {unknown[0]!r}: there are {', '.join(known)}")
        return replace(self, **dict.fromkeys(steps, 0.0))


DEFAULT_DEGRADATION = Degradation()
NO_DEGRADATION = Degradation(*[0.0] * len(fields(Degradation)))


def degrade(pixels: Pixels, rng: Rng, degradation: Degradation = DEFAULT_DEGRADATION) -> Pixels:
    """One random chain of degradations, as a picture meets them: optics, editing, scaling, then compression."""
    odds = degradation
    before: list[tuple[float, Step]] = [
        (odds.blur, blur),
        (odds.colour, shift_colours),
        (odds.grey, to_grey),
        (odds.noise, add_noise),
        (odds.resolution, lose_resolution),
        (odds.sharpen, sharpen),
    ]
    codecs: list[tuple[float, Step]] = [
        (odds.jpeg, recompress),
        (odds.h264, encode_video),
        (odds.jpeg_again, recompress),
    ]
    # A photograph becomes a frame of a video, or a frame is saved as a picture.
    if rng.random() < 0.5:
        codecs.reverse()
    after: list[tuple[float, Step]] = [(odds.cut_out, cut_out), (odds.edges, replicate_edges)]
    for probability, step in (*before, *codecs, *after):
        if rng.random() < probability:
            pixels = step(pixels, rng)
    return pixels


def recompress(pixels: Pixels, rng: Rng) -> Pixels:
    """JPEG at quality 30 to 95, colour full or halved, two in five on a shifted grid, one in four at a smaller size."""
    quality = int(rng.integers(30, 96))
    sampling = int(rng.choice((cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)))
    shift = int(rng.integers(1, 8)) if rng.random() < 0.4 else 0
    factor = rng.uniform(0.3, 0.9) if rng.random() < 0.25 else 1.0
    height, width = pixels.shape[:2]
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    small = pixels if factor == 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    saved = encode_jpeg(np.asarray(small, np.uint8), quality, shift_px=shift, sampling=sampling)
    return (
        saved
        if factor == 1
        else np.asarray(cv2.resize(saved, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    )


def encode_jpeg(
    pixels: Pixels, quality: int, *, shift_px: int = 0, sampling: int = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
) -> Pixels:
    """The picture after its way through JPEG, its blocks `shift_px` off the corner."""
    moved = cv2.copyMakeBorder(pixels, shift_px, 0, shift_px, 0, cv2.BORDER_REPLICATE) if shift_px else pixels
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(moved[:, :, ::-1]), options)[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[shift_px:, shift_px:, ::-1])


def encode_video(pixels: Pixels, rng: Rng) -> Pixels:
    """H.264 at CRF 18 to 40, at the size of faces in web video every other time."""
    return encode_face(pixels, draw_setting(rng))


def lose_resolution(pixels: Pixels, rng: Rng) -> Pixels:
    """Shrunk to 25 to 90 % and enlarged again, each with a random kernel."""
    height, width = pixels.shape[:2]
    factor = rng.uniform(0.25, 0.9)
    small = (max(8, round(width * factor)), max(8, round(height * factor)))
    shrunk = cv2.resize(pixels, small, interpolation=int(rng.choice(KERNELS)))
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
