"""Finds pictures and faces that were seen before: saved again, resized, mirrored, cropped.

Hashes of 256 bits find candidates among all pairs, in blocks of bounded memory. Of whole pictures few differing bits
say enough; faces are compared in detail too.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from training.face_prints import FACE_BITS, Detail, Hash, detail_of, face_hash, is_same_photograph, mirrored_face
from training.face_set import FaceSet
from worker.pipeline.results import Pixels

HASH_SIDE = 16
# Of 256 bits; the shared pictures of two sets saved by different encoders differ in fewer, other faces in about 100.
DUPLICATE_BITS = 24
NEAREST_FACES = 4
"""Candidates of each face that are looked at in detail: a copy is among the nearest, and faces in one pose are many."""
# A plain frame gives next to no signs: it would be the duplicate of every other plain frame.
_LEAST_SIGNS = 24
_BLOCK, _TILE = 1024, 8192
_WHOLE, _WHOLE_MIRRORED, _FACE, _FACE_MIRRORED = range(4)

Pair = tuple[int, int]
Rows = NDArray[np.int64]


def difference_hash(pixels: Pixels) -> Hash:
    """The signs of the horizontal differences of a tiny grey copy: 256 bits in 32 bytes."""
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
    return np.packbits(small[:, 1:] > small[:, :-1])


def print_frame(frame: Pixels, face: Pixels | None, points: NDArray[np.float64] | None) -> Hash:
    """The hashes of a frame, (4, 32): whole, mirrored, its face, the face mirrored; zeros without a face.

    Args:
        frame: the whole picture.
        face: a wide crop of its face.
        points: (5, 2): the face's landmarks in pixels of the crop.
    """
    whole = [difference_hash(frame), difference_hash(frame[:, ::-1])]
    if face is None or points is None:
        return np.stack([*whole, *(np.zeros_like(whole[0]) for _ in range(2))])
    return np.stack([*whole, face_hash(face, points), face_hash(*mirrored_face(face, points))])


def duplicate_pairs(hashes: Sequence[Hash], *, bits: int = DUPLICATE_BITS) -> list[Pair]:
    """The pairs of places, the lower first, whose hashes differ in at most `bits` of 256 bits; plain ones have none."""
    if not hashes:
        return []
    stacked = np.stack(hashes)
    found = near_rows(stacked, stacked, bits=bits)
    return sorted((left, right) for rows in found for left, right in rows.tolist() if left < right)


def near_rows(
    left: Hash,
    right: Hash,
    *,
    bits: int,
    owners: Rows | None = None,
    nearest: int | None = None,
) -> Iterator[Rows]:
    """The pairs of rows of two stacks of hashes that differ in at most `bits`, block by block in bounded memory.

    The stacks tell of the same things, and near is near from both sides: no row is paired with an earlier block's.

    Args:
        left: (n, 32).
        right: (n, 32).
        bits: of 256.
        owners: (n,): whose rows they are; rows of one owner are not paired.
        nearest: the most partners of a row on the left; None is all.

    Yields:
        (k, 2): row on the left, row on the right.
    """
    kept_left, kept_right = _telling(left), _telling(right)
    for start in range(0, len(kept_left), _BLOCK):
        rows = kept_left[start : start + _BLOCK]
        signs = _signs(left[rows])
        found = [np.zeros((0, 3), np.int64)]
        for tile in range(int(np.searchsorted(kept_right, rows[0])), len(kept_right), _TILE):
            columns = kept_right[tile : tile + _TILE]
            # The dot product of two vectors of signs is 256 - 2 x the bits in which they differ.
            gaps = (left.shape[1] * 8 - signs @ _signs(right[columns]).T) / 2
            near = gaps <= bits
            if owners is not None:
                near &= owners[rows][:, None] != owners[columns]
            places = np.argwhere(near)
            triples = np.stack([rows[places[:, 0]], columns[places[:, 1]], gaps[near].astype(np.int64)], axis=1)
            if nearest is None:
                yield triples[:, :2]
            else:
                found = [_nearest(np.concatenate([*found, triples]), nearest)]
        if nearest is not None:
            yield found[0][:, :2]


def find_duplicates(material: Sequence[FaceSet], groups: Sequence[int]) -> list[Pair]:
    """Links between face sets of different groups that show the same picture or photograph of a face.

    Args:
        material: what is searched.
        groups: numbers; sets of one number stay together anyway, so no link is looked for between them.

    Returns:
        pairs of places, enough to join whatever belongs together, and fewer than there are sets.
    """
    if not material:
        return []
    links = _Links(groups)
    counts = [len(faces.prints) for faces in material]
    prints = np.concatenate([faces.prints for faces in material])
    owners = np.repeat(np.arange(len(material)), counts)
    numbers = np.concatenate([np.arange(count) for count in counts])
    for kind in (_WHOLE, _WHOLE_MIRRORED):
        for rows in near_rows(prints[:, _WHOLE], prints[:, kind], bits=DUPLICATE_BITS):
            for left, right in rows.tolist():
                links.join(int(owners[left]), int(owners[right]))
    for kind in (_FACE, _FACE_MIRRORED):
        roots = links.roots()[owners]
        found = near_rows(prints[:, _FACE], prints[:, kind], bits=FACE_BITS, owners=roots, nearest=NEAREST_FACES)
        for rows in found:
            pairs = [((int(owners[a]), int(numbers[a])), (int(owners[b]), int(numbers[b]))) for a, b in rows.tolist()]
            _compare(material, pairs, links, is_mirrored=kind == _FACE_MIRRORED)
    return links.pairs


def _compare(
    material: Sequence[FaceSet], pairs: Sequence[tuple[Pair, Pair]], links: "_Links", *, is_mirrored: bool
) -> None:
    """Joins the owners of faces whose detail agrees."""
    seen: dict[Pair, Detail] = {}
    for (one, first), (other, second) in pairs:
        if links.are_joined(one, other):
            continue
        if (one, first) not in seen:
            # Pairs come in the order of their left faces.
            seen = {(one, first): detail_of(*_face_of(material[one], first))}
        face = _face_of(material[other], second)
        if is_same_photograph(seen[one, first], detail_of(*(mirrored_face(*face) if is_mirrored else face))):
            links.join(one, other)


def _face_of(faces: FaceSet, number: int) -> tuple[Pixels, NDArray[np.float64]]:
    place = int(faces.printed[number])
    return np.asarray(faces.wide[place], np.uint8), faces.points_in_wide(place)


class _Links:
    """Joins places into ever larger groups, and remembers the joins."""

    def __init__(self, groups: Sequence[int]) -> None:
        firsts: dict[int, int] = {}
        self._roots = [firsts.setdefault(group, place) for place, group in enumerate(groups)]
        self.pairs: list[Pair] = []

    def roots(self) -> Rows:
        return np.array([self._find(place) for place in range(len(self._roots))], np.int64)

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


def _nearest(triples: Rows, count: int) -> Rows:
    """Of each left row the `count` pairs with the smallest gap."""
    ordered = triples[np.lexsort((triples[:, 2], triples[:, 0]))]
    firsts = np.searchsorted(ordered[:, 0], ordered[:, 0])
    return ordered[np.arange(len(ordered)) - firsts < count]


def _telling(hashes: Hash) -> Rows:
    """The rows that say enough to be compared."""
    ones = np.unpackbits(hashes, axis=1).sum(axis=1, dtype=np.int64)
    return np.flatnonzero((ones >= _LEAST_SIGNS) & (ones <= hashes.shape[1] * 8 - _LEAST_SIGNS))


def _signs(hashes: Hash) -> NDArray[np.float32]:
    return np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1
