"""Shows whether a classifier lives on how files were made instead of on faces, by exchanging conditions of the classes.

In most collections one class is smaller, cropped closer or saved by another program, and a classifier can score well by
that alone. Here every face is put under the conditions of a face of the other class. Who looks at faces keeps most of
the AUC; who looks at conditions falls to one half, or below where the other class's conditions could be given in full.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from training.augmentation import encode_jpeg
from training.compression import H264Setting, encode_face
from training.dataset import Item
from training.errors import TrainingError
from training.face_set import FaceSet
from training.quality import bits_per_pixel, jpeg_quality
from worker.pipeline.errors import PipelineError
from worker.pipeline.preprocessing import CROP_MARGIN
from worker.pipeline.probe import probe_video
from worker.pipeline.results import Pixels

Crops = NDArray[np.uint8]
Material = Sequence[tuple[Item, FaceSet]]

# About where libx264 spends so many bits on a pixel, at common sizes of web video.
_CRF_BY_BITS = ((0.02, 35), (0.05, 28), (0.1, 23), (0.2, 18))
_FLAT_LEVELS = 1.0
# Enlarging repeats a line or two by itself.
_LEAST_BORDER = 0.02
_GREY_LEVELS = 3


@dataclass(frozen=True)
class Conditions:
    """How a face came to be, apart from what it shows.

    Args:
        side_px: side of its crop in the picture that it was cut from; smaller ones were enlarged.
        jpeg: quality by libjpeg's tables, 1..100; None of a lossless picture and of a video.
        crf: about the constant rate factor of its video; None of a picture.
        borders: shares of the crop's sides, left, top, right, bottom, that lie outside the picture and repeat its edge.
        is_grey: whether it has no colour.
    """

    side_px: float
    jpeg: int | None = None
    crf: int | None = None
    borders: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    is_grey: bool = False


PARTS: dict[str, tuple[str, ...]] = {
    "resolution": ("side_px",),
    "codec": ("jpeg", "crf"),
    "borders": ("borders",),
    "grey": ("is_grey",),
    "all": tuple(field.name for field in fields(Conditions)),
}
"""What can be swapped, alone or together: the fields that each part takes over."""


def conditions_of(item: Item, faces: FaceSet, face: int) -> Conditions:
    """What the file, the box and the crop say; a file that is gone says nothing of its codec."""
    return _of_face(faces, face, *_codec_of(item))


def swap_conditions(material: Material, *, part: str = "all", seed: int = 0) -> Iterator[tuple[int, Crops]]:
    """The crops of every file under conditions of the other class.

    Each face takes over the conditions of one face of the other class: a source is drawn, then a file, then its largest
    face. What was lost cannot be given back: a small or bordered face stays so, and only takes on what the other adds.

    Args:
        material: items with their faces, of both classes.
        part: a name of PARTS.
        seed: where chance starts.

    Yields:
        the place in the material and its crops, changed: (n, size, size, 3), RGB, uint8.

    Raises:
        TrainingError: the part is not known, or there is one class only.
    """
    if part not in PARTS:
        raise TrainingError(f"no part of conditions called {part!r}: there are {', '.join(PARTS)}")
    givers = _by_class(material)
    if len(givers) < 2:
        raise TrainingError("conditions can be swapped between real and fake faces only, got one class")
    codecs = [_codec_of(item) for item, _ in material]
    for place, (item, faces) in enumerate(material):
        rng = np.random.default_rng([seed, int(faces.sha256[:12], 16)])
        sources = givers[not item.is_fake]
        crops: list[Pixels] = []
        for crop in faces.crops:
            members = sources[int(rng.integers(len(sources)))]
            giver = members[int(rng.integers(len(members)))]
            given = _of_face(material[giver][1], int(material[giver][1].largest[0]), *codecs[giver])
            crops.append(put_under(np.asarray(crop, np.uint8), _only(given, part, faces)))
        yield place, np.array(crops, np.uint8).reshape(faces.crops.shape)


def put_under(crop: Pixels, conditions: Conditions) -> Pixels:
    """A crop as it would look had it been made so: edges, colour, size, then compression."""
    side = crop.shape[0]
    changed = _repeat_edges(crop, conditions.borders)
    if conditions.is_grey:
        changed = np.asarray(cv2.cvtColor(cv2.cvtColor(changed, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)
    small = min(side, max(16, round(conditions.side_px)))
    if small < side:
        changed = np.asarray(cv2.resize(changed, (small, small), interpolation=cv2.INTER_AREA), np.uint8)
    if conditions.crf is not None:
        changed = encode_face(changed, H264Setting(conditions.crf))
    if conditions.jpeg is not None:
        changed = encode_jpeg(changed, conditions.jpeg)
    if small < side:
        # As a scan enlarges it.
        changed = np.asarray(cv2.resize(changed, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
    return changed


def border_shares(crop: Pixels) -> tuple[float, float, float, float]:
    """Shares of the crop, left, top, right, bottom, in which each line repeats the next one inward; at most a half."""
    levels = crop.astype(np.float32)
    across = np.abs(np.diff(levels, axis=1)).mean(axis=(0, 2)) <= _FLAT_LEVELS
    down = np.abs(np.diff(levels, axis=0)).mean(axis=(1, 2)) <= _FLAT_LEVELS
    runs = (_run(across), _run(down), _run(across[::-1]), _run(down[::-1]))
    sides = (crop.shape[1], crop.shape[0], crop.shape[1], crop.shape[0])
    shares = (min(0.5, run / side) for run, side in zip(runs, sides, strict=True))
    left, top, right, bottom = (share if share >= _LEAST_BORDER else 0.0 for share in shares)
    return left, top, right, bottom


def _run(flags: NDArray[np.bool_]) -> int:
    """How many are true before the first that is not."""
    return int(np.argmin(flags)) if not flags.all() else len(flags)


def _codec_of(item: Item) -> tuple[int | None, int | None]:
    """JPEG quality and CRF."""
    try:
        if item.kind == "image":
            return jpeg_quality(item.path.read_bytes()), None
        bits = bits_per_pixel(probe_video(item.path))
    except (OSError, PipelineError):
        return None, None
    if bits is None:
        return None, None
    points = np.log([bit for bit, _ in _CRF_BY_BITS])
    return None, round(float(np.interp(np.log(max(bits, 1e-4)), points, [crf for _, crf in _CRF_BY_BITS])))


def _of_face(faces: FaceSet, face: int, jpeg: int | None, crf: int | None) -> Conditions:
    crop = np.asarray(faces.crops[face], np.uint8)
    return Conditions(
        side_px=float(faces.boxes[face, 2:].max() * CROP_MARGIN),
        jpeg=jpeg,
        crf=crf,
        borders=border_shares(crop),
        is_grey=int(np.ptp(crop.astype(np.int16), axis=2).max()) <= _GREY_LEVELS,
    )


def _only(given: Conditions, part: str, faces: FaceSet) -> Conditions:
    """Nothing but the part; the rest changes no pixel."""
    nothing = Conditions(side_px=float(faces.crops.shape[1]))
    return replace(nothing, **{name: getattr(given, name) for name in PARTS[part]})


def _by_class(material: Material) -> dict[bool, list[list[int]]]:
    """The places of each class, source by source."""
    sources: dict[bool, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, (item, faces) in enumerate(material):
        if len(faces):
            sources[item.is_fake][item.source].append(place)
    return {is_fake: list(members.values()) for is_fake, members in sources.items()}


def _repeat_edges(crop: Pixels, borders: tuple[float, float, float, float]) -> Pixels:
    height, width = crop.shape[:2]
    left, right = (round(width * min(share, 0.45)) for share in (borders[0], borders[2]))
    top, bottom = (round(height * min(share, 0.45)) for share in (borders[1], borders[3]))
    core = crop[top : height - bottom, left : width - right]
    return np.asarray(cv2.copyMakeBorder(core, top, bottom, left, right, cv2.BORDER_REPLICATE), np.uint8)
