"""Finds pictures and faces that were seen before: saved again, resized, mirrored, cropped.

Hashes of 256 bits find candidates among all pairs in blocks of bounded memory. Of whole pictures few differing bits say
enough. Crops of faces are alike by nature (one face upright in the middle), so there the fine detail of both has to
agree too, as it does when one photograph is cropped twice, and does not for two people in one pose.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from training.face_set import FaceSet
from worker.pipeline.results import Pixels

HASH_SIDE = 16
# Of 256 bits; the shared pictures of two sets saved by different encoders differ in fewer, other faces in about 100.
DUPLICATE_BITS = 24
FACE_BITS = 40
"""Crops of faces that differ in no more are looked at."""
DETAIL_MATCH = 0.82
"""Least correlation of detail, -1..1: measured, other people's portraits of one framing reach 0.80."""
# A plain frame gives next to no signs: it would be the duplicate of every other plain frame.
_LEAST_SIGNS = 24
_BLOCK, _TILE = 1024, 8192
_DETAIL_SIDE, _CORE = 112, slice(20, 92)
_CORE_SIDES = (60, 63, 66, 69, 72, 75, 78, 82, 86)

Hash = NDArray[np.uint8]
"""(32,): 256 bits."""
Pair = tuple[int, int]


def difference_hash(pixels: Pixels) -> Hash:
    """The signs of the horizontal differences of a tiny grey copy: 256 bits in 32 bytes."""
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
    return np.packbits(small[:, 1:] > small[:, :-1])


def print_frame(pixels: Pixels, face: Pixels | None) -> Hash:
    """The hashes of a frame, (4, 32): whole, mirrored, its face, the face mirrored; zeros without a face."""
    seen = [difference_hash(side) for side in (pixels, pixels[:, ::-1])]
    if face is None:
        return np.stack([*seen, *(np.zeros_like(seen[0]) for _ in range(2))])
    return np.stack([*seen, difference_hash(face), difference_hash(face[:, ::-1])])


def duplicate_pairs(hashes: Sequence[Hash], *, bits: int = DUPLICATE_BITS) -> list[Pair]:
    """The pairs of places, the lower first, whose hashes differ in at most `bits` of 256 bits; plain ones have none."""
    if not hashes:
        return []
    stacked = np.stack(hashes)
    found = (
        (int(left), int(right))
        for rows in near_rows(stacked, stacked, bits=bits)
        for left, right in rows
        if left < right
    )
    return sorted(found)


def near_rows(left: Hash, right: Hash, *, bits: int) -> Iterator[NDArray[np.int64]]:
    """The pairs of rows of two stacks of hashes, (n, 32) and (m, 32), that differ in at most `bits`, block by block.

    Yields:
        (k, 2): row on the left, row on the right; memory is bounded whatever n and m.
    """
    kept_left, kept_right = _telling(left), _telling(right)
    # The dot product of two vectors of signs is 256 - 2 x the bits in which they differ.
    floor = left.shape[1] * 8 - 2 * bits
    for start in range(0, len(kept_left), _BLOCK):
        rows = kept_left[start : start + _BLOCK]
        signs = _signs(left[rows])
        for tile in range(0, len(kept_right), _TILE):
            columns = kept_right[tile : tile + _TILE]
            near = np.argwhere(signs @ _signs(right[columns]).T >= floor)
            if len(near):
                yield np.stack([rows[near[:, 0]], columns[near[:, 1]]], axis=1)


def find_duplicates(material: Sequence[FaceSet], groups: Sequence[int]) -> list[Pair]:
    """Links between face sets of different groups that show the same picture or face.

    Args:
        material: what is searched.
        groups: numbers; sets of one number stay together anyway, so no link is looked for between them.

    Returns:
        pairs of places, enough to join whatever belongs together, and no more than there are sets.
    """
    links = _Links(groups)
    owners = np.repeat(np.arange(len(material)), [len(faces.prints) for faces in material])
    prints = np.concatenate([faces.prints for faces in material]) if material else np.zeros((0, 4, 32), np.uint8)
    whole, mirrored, face, face_mirrored = (prints[:, kind] for kind in range(4))
    for other in (whole, mirrored):
        for rows in near_rows(whole, other, bits=DUPLICATE_BITS):
            for left, right in rows:
                links.join(int(owners[left]), int(owners[right]))
    within = np.concatenate([np.arange(len(faces.prints)) for faces in material]) if material else owners
    for other, is_mirrored in ((face, False), (face_mirrored, True)):
        for rows in near_rows(face, other, bits=FACE_BITS):
            for left, right in rows[rows[:, 0] < rows[:, 1]]:
                one, two = int(owners[left]), int(owners[right])
                if not links.are_joined(one, two):
                    crops = [_crop_of(material[owners[row]], int(within[row])) for row in (left, right)]
                    if is_same_face(crops[0], crops[1][:, ::-1] if is_mirrored else crops[1]):
                        links.join(one, two)
    return links.pairs


def is_same_face(one: Pixels, other: Pixels) -> bool:
    """Whether two crops of faces come of one photograph: the fine detail of one lies in the other, at some scale."""
    detail, place = _detail_of(one)[_CORE, _CORE], _detail_of(other)
    for side in _CORE_SIDES:
        method = cv2.INTER_AREA if side < detail.shape[0] else cv2.INTER_LINEAR
        scaled = cv2.resize(detail, (side, side), interpolation=method)
        if cv2.matchTemplate(place, scaled, cv2.TM_CCOEFF_NORMED).max() >= DETAIL_MATCH:
            return True
    return False


class _Links:
    """Joins places into ever larger groups, and remembers the joins."""

    def __init__(self, groups: Sequence[int]) -> None:
        firsts: dict[int, int] = {}
        self._roots = [firsts.setdefault(group, place) for place, group in enumerate(groups)]
        self.pairs: list[Pair] = []

    def join(self, one: int, other: int) -> None:
        left, right = self._find(one), self._find(other)
        if left != right:
            self._roots[left] = right
            self.pairs.append((min(one, other), max(one, other)))

    def are_joined(self, one: int, other: int) -> bool:
        return self._find(one) == self._find(other)

    def _find(self, place: int) -> int:
        while self._roots[place] != place:
            self._roots[place] = self._roots[self._roots[place]]
            place = self._roots[place]
        return place


def _telling(hashes: Hash) -> NDArray[np.int64]:
    """The rows that say enough to be compared."""
    ones = np.unpackbits(hashes, axis=1).sum(axis=1, dtype=np.int64)
    return np.flatnonzero((ones >= _LEAST_SIGNS) & (ones <= hashes.shape[1] * 8 - _LEAST_SIGNS))


def _signs(hashes: Hash) -> NDArray[np.float32]:
    return np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1


def _crop_of(faces: FaceSet, number: int) -> Pixels:
    return np.asarray(faces.crops[faces.printed[number]], np.uint8)


def _detail_of(crop: Pixels) -> NDArray[np.float32]:
    """What is finer than about two of 112 pixels, evened out where there is much of it."""
    size = (_DETAIL_SIDE, _DETAIL_SIDE)
    grey = cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    fine = cv2.GaussianBlur(small, (0, 0), 0.7) - cv2.GaussianBlur(small, (0, 0), 2.0)
    strength = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), 8)) + 2
    return np.asarray(fine / strength, np.float32)
