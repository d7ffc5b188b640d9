"""Keeps the few faces of a video that a report shows: the highest, and the highest of each person.

Who is who is known only when all frames were seen, so until then the shortlist holds the highest faces of all and the
highest of each look; of the pictures it keeps a few small ones, whatever the video's length.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worker.pipeline.heat import HEAT_SPAN, HeatMap, heat_layer
from worker.pipeline.results import FaceResult, FrameResult, KeptFace, Pixels
from worker.pipeline.tracking import SIMILAR_LOOK, Look

FRAME_PX = 400
"""Long side of the small picture of a frame: enough to know the scene again."""
LARGEST_FACE_PX = 224
HEAT_PX = 28
"""Side of a heat layer, four times the map's own; whoever shows it enlarges it smoothly."""
MOST_LOOKS = 12
"""Looks whose highest face is held; a crowd of more is shown by its highest faces."""
FACE_BYTES, FRAME_BYTES = 11_000, 11_000
"""What a picture may take: six faces stay below 150 kB with their heat layers and the index."""
_QUALITIES = (80, 60, 40, 20)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A judged face that may be kept.

    Args:
        frame: number of its frame among those that were looked at.
        face: number of the face in its frame.
        logit: of the classifier.
        look: of the face.
        crop: as the classifier saw it.
        heat_map: of the classifier, None where it gives none.
        small: the frame, made smaller.
        size_px: width and height of the displayed video.
    """

    frame: int
    face: int
    logit: float
    look: Look
    crop: Pixels
    heat_map: HeatMap | None
    small: Pixels
    size_px: tuple[int, int]


class Shortlist:
    """The faces that may be kept; never more than a few.

    Args:
        most: how many are kept in the end; 0 keeps none.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._highest: list[Candidate] = []
        self._by_look: list[tuple[Look, Candidate]] = []

    def offer(self, face: Candidate) -> None:
        """Notes a judged face."""
        self._highest = sorted([*self._highest, face], key=_rank)[: self.most]
        for place, (look, best) in enumerate(self._by_look):
            if float(look @ face.look) >= SIMILAR_LOOK:
                if _rank(face) < _rank(best):
                    self._by_look[place] = (look, face)
                return
        if len(self._by_look) < MOST_LOOKS:
            self._by_look.append((face.look, face))

    def choose(self, frames: Sequence[FrameResult], *, heat_span: float | None) -> tuple[KeptFace, ...]:
        """The faces to keep: the highest of each person, then the highest of the rest; highest first.

        Args:
            frames: as judged, with the persons' numbers.
            heat_span: the classifier's scale for heat maps, None where its manifest gives none.
        """
        held = {(one.frame, one.face): one for one in [*self._highest, *(face for _, face in self._by_look)]}
        ranked = sorted(held.values(), key=_rank)
        firsts: dict[int, Candidate] = {}
        for one in ranked:
            firsts.setdefault(_face_of(one, frames).track, one)
        chosen = list(firsts.values())[: self.most]
        rest = [one for one in ranked if one not in chosen]
        kept = sorted([*chosen, *rest[: self.most - len(chosen)]], key=_rank)
        return tuple(_keep(one, frames, span=heat_span or HEAT_SPAN) for one in kept)


def shrink_frame(pixels: Pixels) -> Pixels:
    """The frame as a small picture of its own, by a whole factor; its last few rows and columns may be missing."""
    import cv2  # noqa: PLC0415 - importing the pipeline stays cheap

    height, width = pixels.shape[:2]
    # Averaging whole blocks of pixels takes a fraction of what any other factor does.
    factor = max(1, min(round(max(height, width) / FRAME_PX), height, width))
    size = (width // factor, height // factor)
    whole = pixels[: size[1] * factor, : size[0] * factor]
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)


def encode_jpeg(pixels: Pixels, *, quality: int = 80) -> bytes:
    """A picture, (height, width, 3), RGB, as JPEG."""
    import cv2  # noqa: PLC0415 - as above

    # Optimised tables would take two and a half times as long and save three bytes in a hundred.
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)[1].tobytes())


def _rank(one: Candidate) -> tuple[float, int, int]:
    """Highest first; of equal ones the earlier."""
    return -one.logit, one.frame, one.face


def _face_of(one: Candidate, frames: Sequence[FrameResult]) -> FaceResult:
    return frames[one.frame].faces[one.face]


def _keep(one: Candidate, frames: Sequence[FrameResult], *, span: float) -> KeptFace:
    face = _face_of(one, frames)
    return KeptFace(
        t_s=frames[one.frame].t_s,
        box=face.box,
        track=face.track,
        score=face.score,
        width_px=one.size_px[0],
        height_px=one.size_px[1],
        heat_map=one.heat_map,
        face_jpeg=_jpeg_within(one.crop, FACE_BYTES, side_px=LARGEST_FACE_PX),
        frame_jpeg=_jpeg_within(one.small, FRAME_BYTES, side_px=FRAME_PX),
        heat_png=None if one.heat_map is None else _heat_png(one.heat_map, span=span),
    )


def _jpeg_within(pixels: Pixels, most_bytes: int, *, side_px: int) -> bytes:
    """The best JPEG that is small enough: of noise, coarser and then smaller, down to a few pixels."""
    import cv2  # noqa: PLC0415 - as above

    while True:
        long_side = max(pixels.shape[:2])
        if long_side > side_px:
            factor = side_px / long_side
            size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
            # Averaging by a factor that is not whole is slow, and below two it gains nothing.
            way = cv2.INTER_AREA if factor < 0.5 else cv2.INTER_LINEAR
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=way), np.uint8)
        for quality in _QUALITIES:
            encoded = encode_jpeg(pixels, quality=quality)
            if len(encoded) <= most_bytes or side_px <= 1:
                return encoded
        side_px = max(1, side_px // 2)


def _heat_png(heat_map: HeatMap, *, span: float) -> bytes:
    import cv2  # noqa: PLC0415 - as above

    layer = cv2.cvtColor(heat_layer(heat_map, size_px=HEAT_PX, span=span), cv2.COLOR_RGBA2BGRA)
    return bytes(cv2.imencode(".png", layer)[1].tobytes())
