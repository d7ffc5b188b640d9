"""Judged files of known logits, without a network."""

from pathlib import Path

import numpy as np

from training.dataset import Item
from training.face_set import FaceSet, HeldFaces
from training.judging import JudgedFile
from training.robustness import CLEAN

SIDE_PX = 16


def judged_file(name: str, label: str, logit: float, *, source: str = "drawn", kind: str = "image") -> JudgedFile:
    """A file of one face, whose crop is as grey as its name is long."""
    item = Item(Path(name), kind, label, source)  # type: ignore[arg-type]  # one of the two kinds and labels
    pixels = np.full((1, SIDE_PX, SIDE_PX, 3), len(name), np.uint8)
    faces = FaceSet(
        sha256="0" * 64,
        pixels=HeldFaces(pixels, pixels),
        frames=np.zeros(1, np.int64),
        detections=np.ones(1),
        boxes=np.array([[0.0, 0.0, 50.0, 60.0]]),
        landmarks=np.zeros((1, 5, 2)),
        times_s=np.zeros(1),
        prints=np.zeros((1, 4, 32), np.uint8),
    )
    return JudgedFile(item, faces, np.zeros(1, np.int64), {CLEAN: np.array([logit])}, {"quality": "lossless"})
