"""Makes labelled faces in memory, each of one colour that tells which it is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.dataset import Item, Kind, Label
from training.face_set import FaceSet, HeldFaces

SIZE_PX = 32
WIDE_PX = 40
# Eyes, nose and corners of the mouth within a picture of 48 px.
_POINTS = ((18.0, 19.0), (30.0, 19.0), (24.0, 25.0), (20.0, 31.0), (28.0, 31.0))


def make_item(
    label: Label, source: str, *, number: int = 0, kind: Kind = "image", identities: Sequence[str] = ()
) -> Item:
    """An item that lies nowhere."""
    return Item(Path(f"{label}-{source}-{number}"), kind, label, source, tuple(identities))


def make_faces(number: int, *, frames: int = 1, size_px: int = SIZE_PX, wide_px: int = WIDE_PX) -> FaceSet:
    """One face in each of some frames; every pixel of them is `number` (below 256)."""
    return FaceSet(
        sha256=f"{number:064x}",
        pixels=HeldFaces(
            np.full((frames, size_px, size_px, 3), number, np.uint8),
            np.full((frames, wide_px, wide_px, 3), number, np.uint8),
        ),
        frames=np.arange(frames),
        detections=np.full(frames, 0.9),
        boxes=np.tile(np.array([[12.0, 12.0, 24.0, 24.0]]), (frames, 1)),
        landmarks=np.tile(np.array([_POINTS]), (frames, 1, 1)),
        times_s=np.arange(frames, dtype=np.float64),
        prints=np.zeros((1, 4, 32), np.uint8),
    )


def make_material(*parts: tuple[Label, str, int]) -> list[tuple[Item, FaceSet]]:
    """Pictures of some sources: label, source, how many; numbered through from 0."""
    listed = [(label, source) for label, source, count in parts for _ in range(count)]
    return [(make_item(label, source, number=n), make_faces(n)) for n, (label, source) in enumerate(listed)]
