"""The grid of faces on an evaluation's page: each beside its heat map, as pictures within the page."""

import base64
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np

from training.faces_shown import Group, ShownFace
from worker.pipeline.heat import HEAT_SPAN, heat_scale, overlay_heat
from worker.pipeline.results import Pixels

SIDE_PX = 176
_QUALITY = 82
_WORDS: dict[Group, str] = {
    "fake, surely": "Fake, and most surely called so",
    "real, surely": "Real, and most surely called so",
    "real, taken for fake": "Real, and most wrongly taken for fake",
    "fake, taken for real": "Fake, and most wrongly taken for real",
}


def faces_section(faces: Sequence[ShownFace], *, span: float | None) -> str:
    """The faces by group, each once as the network saw it and once with its heat map.

    Args:
        faces: in the order in which they are shown.
        span: logits of the fullest colour, where the bundle states it.
    """
    if not faces:
        return "<p>No face to show.</p>"
    parts = []
    for group, words in _WORDS.items():
        chosen = [face for face in faces if face.group == group]
        if chosen:
            cells = "".join(_cell(face, span or HEAT_SPAN) for face in chosen)
            parts.append(f'<h3>{escape(words)}</h3><ul class="faces">{cells}</ul>')
        else:
            parts.append(f"<h3>{escape(words)}</h3><p>None.</p>")
    return _scale(span or HEAT_SPAN) + "".join(parts)


def shown_name(path: Path) -> str:
    """A path as text: bytes that are no UTF-8, and signs that steer a display, become U+FFFD."""
    text = os.fsencode(path).decode("utf-8", errors="replace")
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def picture_uri(pixels: Pixels, *, quality: int = _QUALITY) -> str:
    """A picture as a data URI."""
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(pixels[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}"


def _cell(face: ShownFace, span: float) -> str:
    name = escape(shown_name(face.file.item.path))
    pictures = [face.crop] if face.heat_map is None else [face.crop, overlay_heat(face.crop, face.heat_map, span=span)]
    images = "".join(
        f'<img src="{picture_uri(_reduced(pixels))}" alt="{words}" title="{name}" width="{SIDE_PX}" height="{SIDE_PX}">'
        for pixels, words in zip(pictures, ("face", "heat map over the face"), strict=False)
    )
    item = face.file.item
    return (
        f"<li><figure>{images}<figcaption><b>{face.score:.3f}</b> {escape(item.label)} {escape(item.source)}"
        f"<br><span>{escape(shown_name(Path(item.path.name)))}</span></figcaption></figure></li>"
    )


def _reduced(pixels: Pixels) -> Pixels:
    if pixels.shape[0] <= SIDE_PX:
        return pixels
    return np.asarray(cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)


def _scale(span: float) -> str:
    uri = picture_uri(heat_scale(180, 12), quality=95)
    return (
        f'<p class="soft">Speaks for real <img class="scale" src="{uri}" alt="scale of colours from blue to orange">'
        f" speaks for fake; from {-span:g} to {span:g} in logits of one place.</p>"
    )
