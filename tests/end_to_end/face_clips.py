"""Small videos with a real face in them: the public-domain portrait that scikit-image carries."""

import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage import data

from tests.drawing import X264, draw_video

# Of the portrait: her face is some 110 pixels wide.
_TOP, _LEFT, _SIDE = 0, 90, 300
_SIZE = (480, 480)


def draw_face_video(path: Path, *, seconds: float = 2.0, start: int = 0, arguments: Sequence[str] = X264) -> Path:
    """Draws a face that moves slowly to the right, below the number of the picture.

    Args:
        start: where it starts in pixels; another start makes another content.
    """
    portrait = _portrait()

    def paint(picture: NDArray[np.uint8], number: int) -> None:
        left = (start + number // 2) % (_SIZE[0] - _SIDE)
        picture[-_SIDE:, left : left + _SIDE] = portrait

    return draw_video(path, seconds=seconds, size=_SIZE, paint=paint, arguments=arguments)


def draw_many_face_videos(folder: Path, count: int, *, seconds: float = 2.0) -> list[Path]:
    """Videos of different contents; only the first is drawn, the others differ in what follows its end."""
    first = draw_face_video(folder / "clip-000.mp4", seconds=seconds)
    paths = [first]
    for number in range(1, count):
        path = folder / f"clip-{number:03}.mp4"
        shutil.copyfile(first, path)
        with path.open("ab") as file:
            # A box that players skip: size, type "free", and content.
            file.write(b"\0\0\0\x10free" + number.to_bytes(8, "big"))
        paths.append(path)
    return paths


@cache
def _portrait() -> NDArray[np.uint8]:
    picture: NDArray[np.uint8] = data.astronaut()
    return picture[_TOP : _TOP + _SIDE, _LEFT : _LEFT + _SIDE]
