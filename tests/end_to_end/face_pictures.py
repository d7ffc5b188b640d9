"""Labelled pictures of a real face, the portrait of `face_clips`: red where they are fake, blue where they are real."""

from pathlib import Path

import cv2
import numpy as np
from skimage import data

# Of the portrait: head and shoulders, which are quickly searched.
_TOP, _LEFT, _SIDE = 0, 90, 300
_RED, _BLUE = (1.0, 0.6, 0.3), (0.3, 0.6, 1.0)


def write_tinted_faces(root: Path, count: int, *, sources: int = 1, first: int = 0) -> Path:
    """`count` pictures of each of so many real and fake sources: the bundles of `tests.bundles` call red ones fake.

    Each has blotches and grain of its own, as pictures of one portrait would be duplicates.

    Args:
        first: number of the first; other numbers make other contents.
    """
    portrait = np.asarray(data.astronaut()[_TOP : _TOP + _SIDE, _LEFT : _LEFT + _SIDE], np.float32)
    for label, tint in (("real", _BLUE), ("fake", _RED)):
        for source in range(sources):
            folder = root / label / f"{label}_{source}"
            folder.mkdir(parents=True)
            for number in range(count):
                seed = first + 10_000 * (label == "fake") + 1000 * source + number
                picture = _blotched(portrait * np.array(tint, np.float32), np.random.default_rng(seed))
                cv2.imwrite(str(folder / f"{number}.png"), picture[:, :, ::-1])
    return root


def _blotched(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    coarse = cv2.resize(rng.uniform(0.7, 1.0, (20, 20)), (_SIDE, _SIDE))[:, :, None]
    grain = cv2.GaussianBlur(rng.normal(0, 40, (_SIDE, _SIDE)), (0, 0), 1.0)[:, :, None]
    return np.asarray((picture * coarse + grain).clip(0, 255), np.uint8)
