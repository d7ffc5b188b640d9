"""Near-duplicates are found: saved again, resized, mirrored, cropped; other faces are not taken for them."""

import tracemalloc
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.faces import FACE, POINTS
from training.duplicates import difference_hash, duplicate_pairs, find_duplicates, near_rows, print_frame
from training.face_set import FaceSet, HeldFaces
from worker.pipeline.preprocessing import crop_face
from worker.pipeline.results import Box, Pixels


def _picture(seed: int, side_px: int = 300) -> Pixels:
    """Blotches with fine detail, as unlike another seed's as two photographs are."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.integers(0, 256, (9, 9, 3), np.uint8), (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.integers(0, 60, (70, 70, 3), np.uint8), (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.add(coarse // 2 + 30, fine), np.uint8)


def _saved_again(picture: Pixels, side_px: int, quality: int) -> Pixels:
    small = cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def _set_of(*frames: Pixels, box: Box | None = None) -> FaceSet:
    """A face in the middle of every frame, its points where the drawn face has them."""
    places = [box or Box(*(frame.shape[0] * np.array([0.3, 0.25, 0.4, 0.5])).tolist()) for frame in frames]
    wide = np.stack(
        [crop_face(frame, place, size_px=276, margin=1.6) for frame, place in zip(frames, places, strict=True)]
    )
    shares = (np.array(POINTS) - (FACE.x, FACE.y)) / (FACE.w, FACE.h)
    faces = FaceSet(
        sha256="0" * 64,
        pixels=HeldFaces(wide[:, 26:250, 26:250], wide),
        frames=np.arange(len(frames)),
        detections=np.ones(len(frames)),
        boxes=np.array([[place.x, place.y, place.w, place.h] for place in places]),
        landmarks=np.stack([shares * (place.w, place.h) + (place.x, place.y) for place in places]),
        times_s=np.arange(float(len(frames))),
        prints=np.zeros((len(frames), 4, 32), np.uint8),
    )
    prints = [print_frame(frame, wide[n], faces.points_in_wide(n)) for n, frame in enumerate(frames)]
    return replace(faces, prints=np.stack(prints))


def _links(*sets: FaceSet) -> list[tuple[int, int]]:
    return find_duplicates(sets, range(len(sets)))


@pytest.mark.parametrize(("side_px", "quality"), [(300, 30), (150, 60), (80, 90)])
def test_a_copy_saved_again_is_found(side_px: int, quality: int) -> None:
    """Another size and another quality is the same picture."""
    copy = _saved_again(_picture(0), side_px, quality)

    assert _links(_set_of(_picture(0)), _set_of(_picture(1)), _set_of(copy)) == [(0, 2)]


def test_a_mirrored_copy_is_found() -> None:
    """Left and right exchanged, it is the same picture."""
    mirrored = np.ascontiguousarray(_picture(0)[:, ::-1])

    assert _links(_set_of(_picture(1)), _set_of(_picture(0)), _set_of(mirrored)) == [(1, 2)]


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_a_face_cropped_out_is_found(*, is_mirrored: bool) -> None:
    """Of a picture cut down to its middle the whole differs, and the face is the same."""
    whole = _picture(0)
    cut = np.ascontiguousarray(whole[40:260, 50:250])
    box = Box(0.3 * 300 - 50, 0.25 * 300 - 40, 0.4 * 300, 0.5 * 300)
    if is_mirrored:
        cut, box = np.ascontiguousarray(cut[:, ::-1]), Box(200 - box.x - box.w, box.y, box.w, box.h)

    assert duplicate_pairs([difference_hash(whole), difference_hash(cut[:, ::-1] if is_mirrored else cut)]) == []
    assert _links(_set_of(whole), _set_of(cut, box=box)) == [(0, 1)]


def test_a_frame_in_common_joins_two_clips() -> None:
    """A clip cut out of another shows some frames of it, though it starts elsewhere."""
    long, short = _set_of(_picture(0), _picture(1), _picture(2)), _set_of(_picture(2), _picture(3))

    assert _links(long, short) == [(0, 1)]


def test_plain_frames_are_no_duplicates() -> None:
    """Two clips that start in black are not one clip."""
    black, grey = np.zeros((90, 90, 3), np.uint8), np.full((90, 90, 3), 128, np.uint8)

    assert _links(_set_of(black), _set_of(grey), _set_of(black)) == []
    assert duplicate_pairs([difference_hash(black), difference_hash(black)]) == []


def test_nothing_is_looked_for_within_a_group() -> None:
    """What stays together anyway needs no link."""
    assert find_duplicates([_set_of(_picture(0)), _set_of(_picture(0))], [7, 7]) == []
    assert find_duplicates([], []) == []


def test_links_are_as_few_as_join_them_all() -> None:
    """Of four copies three links are told, not six."""
    assert len(_links(*[_set_of(_picture(0)) for _ in range(4)])) == 3


def test_two_people_in_one_pose_are_two() -> None:
    """Faces whose hashes agree and whose detail does not are no duplicates."""
    rng = np.random.default_rng(0)
    average = cv2.GaussianBlur(_picture(0), (0, 0), 6)
    skins = (cv2.resize(rng.integers(0, 50, (110, 110, 3), np.uint8), (300, 300)) for _ in range(2))
    one, other = (_set_of(np.asarray(cv2.add(average, np.asarray(skin, np.uint8)), np.uint8)) for skin in skins)
    # Only as faces: the pictures that they were cropped from are unknown.
    one, other = (
        replace(faces, prints=faces.prints * np.array([[[0], [0], [1], [1]]], np.uint8)) for faces in (one, other)
    )

    assert np.unpackbits(one.prints[0, 2] ^ other.prints[0, 2]).sum() <= 32
    assert _links(one, other) == []
    assert _links(one, one) == [(0, 1)]


def test_of_many_near_faces_the_nearest_are_compared() -> None:
    """A row has no more partners than asked for, the nearest of all tiles, and none of its own number."""
    base = np.random.default_rng(0).integers(0, 256, 32, np.uint8)
    bits = np.unpackbits(base)
    rows = [base]
    for flips in (9, 3, 6, 12, 1):
        changed = bits.copy()
        changed[:flips] ^= 1
        rows.append(np.packbits(changed))
    hashes, owners = np.stack(rows), np.array([0, 1, 2, 3, 4, 0])

    found = np.concatenate(list(near_rows(hashes, hashes, bits=20, owners=owners, nearest=2)))

    assert found[found[:, 0] == 0].tolist() == [[0, 2], [0, 3]]


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=12), st.integers(0, 255), st.integers(0, 60))
def test_every_pair_within_the_distance_is_found(rows: list[bytes], bit: int, bits: int) -> None:
    """What is found in blocks is what counting bits one pair at a time finds."""
    hashes = [np.frombuffer(row, np.uint8) for row in (*rows, rows[0])]
    flipped = np.unpackbits(hashes[0])
    flipped[bit] ^= 1
    hashes.append(np.packbits(flipped))
    ones = [int(np.unpackbits(one).sum()) for one in hashes]

    expected = [
        (left, right)
        for left in range(len(hashes))
        for right in range(left + 1, len(hashes))
        if np.unpackbits(hashes[left] ^ hashes[right]).sum() <= bits
        and all(24 <= ones[place] <= 232 for place in (left, right))
    ]

    assert duplicate_pairs(hashes, bits=bits) == expected


@pytest.mark.slow
def test_memory_does_not_grow_with_the_pairs() -> None:
    """Twenty thousand hashes, 200 million pairs, in less than 200 MB."""
    hashes = np.random.default_rng(0).integers(0, 256, (20_000, 32), np.uint8)
    hashes[19_999] = hashes[7]
    tracemalloc.start()

    found = [rows for rows in near_rows(hashes, hashes, bits=24) if (rows[:, 0] < rows[:, 1]).any()]

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [7, 19_999] in found[0].tolist()
    assert peak < 200e6
