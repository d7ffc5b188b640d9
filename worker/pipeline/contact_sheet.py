"""Puts explained faces side by side in one picture: each as it is and with its heat map, with moment and score."""

from collections.abc import Sequence

import numpy as np

from worker.pipeline.explained_face import ExplainedFace
from worker.pipeline.heat import heat_scale
from worker.pipeline.results import Pixels

FACE_PX = 280
COLUMNS = 3
_GAP_PX = 20
_TITLE_PX = 76
_CAPTION_PX = 40
_LEGEND_PX = 56
_PAPER = (250, 250, 250)
_INK = (25, 25, 25)
_PALE_INK = (95, 95, 95)


def draw_contact_sheet(faces: Sequence[ExplainedFace], *, title: str, subtitle: str = "") -> Pixels:
    """The sheet, (height, width, 3), RGB, uint8: three faces a row, in the order given, a legend below.

    Args:
        faces: at least one.
        title: such as the name of the video with its verdict; characters beyond ASCII are replaced.
        subtitle: such as the name of the classifier.

    Raises:
        ValueError: there is no face.
    """
    if not faces:
        raise ValueError("a contact sheet must have at least one face, got none")
    tile_width, tile_height = 2 * FACE_PX, FACE_PX + _CAPTION_PX
    columns = min(COLUMNS, len(faces))
    rows = -(-len(faces) // columns)
    width = max(columns * (tile_width + _GAP_PX) + _GAP_PX, 2 * (tile_width + _GAP_PX))
    height = _TITLE_PX + rows * (tile_height + _GAP_PX) + _LEGEND_PX
    sheet = np.full((height, width, 3), _PAPER, np.uint8)
    write_line(sheet, title, (_GAP_PX, 36), size=0.85)
    write_line(sheet, subtitle, (_GAP_PX, 62), size=0.5, ink=_PALE_INK)
    for place, face in enumerate(faces):
        left = _GAP_PX + place % columns * (tile_width + _GAP_PX)
        top = _TITLE_PX + place // columns * (tile_height + _GAP_PX)
        sheet[top : top + FACE_PX, left : left + FACE_PX] = face.draw_crop(FACE_PX)
        sheet[top : top + FACE_PX, left + FACE_PX : left + tile_width] = face.draw_heat(FACE_PX)
        write_line(sheet, caption(face, place + 1), (left, top + FACE_PX + 26), size=0.6)
    _draw_legend(sheet, height - _LEGEND_PX + 8, span=faces[0].span)
    return sheet


def caption(face: ExplainedFace, number: int) -> str:
    """Such as "2   0:01.32   score 0.931   person 0"; a picture's face has no moment."""
    moment = "" if face.judged.t_s is None else f"   {_moment(face.judged.t_s)}"
    return f"{number}{moment}   score {face.score:.3f}   person {face.judged.track}"


def write_line(
    picture: Pixels, text: str, place: tuple[int, int], *, size: float, ink: tuple[int, int, int] = _INK
) -> int:
    """Writes text into a picture, its baseline starting at `place` (x, y); the width in pixels that it took."""
    import cv2  # noqa: PLC0415 - importing the pipeline stays cheap

    # The one font that OpenCV carries knows ASCII alone.
    plain = "".join(character if " " <= character <= "~" else "?" for character in text)
    (width, _), _ = cv2.getTextSize(plain, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    room = picture.shape[1] - place[0] - _GAP_PX
    if width > room > 0:
        size *= room / width
    cv2.putText(picture, plain, place, cv2.FONT_HERSHEY_SIMPLEX, size, ink, 1, cv2.LINE_AA)
    return int(min(width, max(room, 0)))


def _draw_legend(sheet: Pixels, top: int, *, span: float) -> None:
    left = _GAP_PX
    left += write_line(sheet, "speaks for real", (left, top + 18), size=0.5) + 12
    sheet[top + 4 : top + 24, left : left + 240] = heat_scale(240, 20)
    for share, text in ((0.0, f"-{span:g}"), (0.5, "0"), (1.0, f"+{span:g} logits")):
        write_line(sheet, text, (left + round(share * 240) - 8, top + 40), size=0.4, ink=_PALE_INK)
    write_line(sheet, "speaks for fake (white line: above half)", (left + 252, top + 18), size=0.5)


def _moment(t_s: float) -> str:
    minutes, seconds = divmod(round(t_s, 2), 60)
    return f"{int(minutes)}:{seconds:05.2f}"
