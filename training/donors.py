"""Finds a face that may stand in for another: somebody else's, in about the same pose."""

from collections.abc import Sequence

import numpy as np

from training.augmentation import Rng
from training.dataset import Item
from training.face_set import FaceSet
from training.landmarks import shape_of

CANDIDATES = 100
"""Faces looked at for one that fits, as in Face X-ray (Li et al., 2020): the best of all would always be the same."""


class Donors:
    """The real faces of some items, by pose.

    Args:
        material: items with their faces.
        learning: places of the items that may give faces; a held-out item must not.
    """

    def __init__(self, material: Sequence[tuple[Item, FaceSet]], learning: Sequence[int]) -> None:
        self._material = material
        listed = [
            (place, face)
            for place in learning
            if not material[place][0].is_fake
            for face in material[place][1].largest.tolist()
        ]
        self._places = np.array([place for place, _ in listed], np.int64)
        self._faces = np.array([face for _, face in listed], np.int64)
        shapes = [shape_of(material[place][1].landmarks[face]) for place, face in listed]
        self._shapes = np.array(shapes, np.float64).reshape(-1, 10)

    def __len__(self) -> int:
        return len(self._places)

    def pick(self, faces: FaceSet, face: int, rng: Rng) -> tuple[FaceSet, int] | None:
        """The nearest in pose of some faces of other contents; None where there is no other."""
        if not len(self):
            return None
        drawn = rng.integers(len(self), size=CANDIDATES)
        gaps = ((self._shapes[drawn] - shape_of(faces.landmarks[face])) ** 2).sum(axis=1)
        for place in np.argsort(gaps, kind="stable"):
            donor = self._material[self._places[drawn[place]]][1]
            if donor.sha256 != faces.sha256:
                return donor, int(self._faces[drawn[place]])
        return None
