"""Draws faces that the drawn bundle judges by their colour: red ones are fake to it, blue ones real."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from tests.drawing import draw_video
from tests.unit.training.faces import FACE, SIDE_PX
from worker.pipeline.results import Pixels


def draw_coloured(seed: int, *, redness: int) -> Pixels:
    """A red (above 0) or blue (below 0) disc, -127 to 127, before a grey pattern of its own."""
    coarse = np.random.default_rng(seed).integers(40, 200, (8, 8)).astype(np.uint8)
    grey = cv2.resize(coarse, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
    picture = np.repeat(grey[:, :, None], 3, axis=2)
    middle = (round(FACE.x + FACE.w / 2), round(FACE.y + FACE.h / 2))
    cv2.ellipse(picture, middle, (20, 24), 0, 0, 360, [128 + redness, 128, 128 - redness], -1)
    return np.asarray(picture, np.uint8)


def write_coloured(folder: Path, redness: Sequence[int], *, seed: int = 0) -> list[Path]:
    """A picture for each value."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:02}.png" for number in range(len(redness))]
    for number, (path, red) in enumerate(zip(paths, redness, strict=True)):
        picture = draw_coloured(1000 * seed + number, redness=red)
        path.write_bytes(cv2.imencode(".png", np.ascontiguousarray(picture[:, :, ::-1]))[1].tobytes())
    return paths


def write_coloured_video(path: Path, *, redness: int, seed: int = 0) -> Path:
    """A second of video of one such face."""
    path.parent.mkdir(parents=True, exist_ok=True)
    face = draw_coloured(seed, redness=redness)
    around = cv2.resize(draw_coloured(seed + 500, redness=0), (240, 320))

    def paint(picture: Pixels, number: int) -> None:
        del number
        picture[:] = around
        down, across = (picture.shape[0] - SIDE_PX) // 2, (picture.shape[1] - SIDE_PX) // 2
        picture[down : down + SIDE_PX, across : across + SIDE_PX] = face

    return draw_video(path, seconds=1.0, size=(240, 320), paint=paint)
