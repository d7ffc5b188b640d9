"""One photograph of a face is known again, whatever happened to the file."""

from functools import cache

import cv2
import numpy as np
import pytest
from skimage import data

from training.face_prints import FACE_BITS, Points, detail_of, face_hash, is_same_photograph, mirrored_face
from worker.pipeline.results import Pixels

POINTS = np.array([(203.0, 101.0), (247.0, 103.0), (225.0, 127.0), (205.0, 141.0), (243.0, 142.0)])
"""Of the portrait, 512 x 512: eyes, nose, corners of the mouth."""


@cache
def _portrait() -> Pixels:
    return np.asarray(data.astronaut(), np.uint8)


def _saved_again(factor: float, quality: int, corner: tuple[int, int] = (100, 20)) -> tuple[Pixels, Points]:
    left, top = corner
    cut = _portrait()[top : top + 220, left : left + 250]
    small = cv2.resize(cut, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8), (POINTS - corner) * factor


@pytest.mark.parametrize(("factor", "quality"), [(1.0, 90), (0.6, 60), (1.7, 40)])
@pytest.mark.parametrize("tremble_px", [0.0, 1.5])
def test_a_cropped_copy_is_the_same_photograph(factor: float, quality: int, tremble_px: float) -> None:
    """Cropped, resized, saved at lower quality, its points a little elsewhere: hash and detail agree."""
    copy, points = _saved_again(factor, quality)
    points = points + np.random.default_rng(1).normal(0, tremble_px * factor, (5, 2))

    gap = np.unpackbits(face_hash(_portrait(), POINTS) ^ face_hash(copy, points)).sum()

    assert gap <= FACE_BITS
    assert is_same_photograph(detail_of(_portrait(), POINTS), detail_of(copy, points))


def test_a_mirrored_copy_is_the_same_photograph() -> None:
    """The eye on the left is the other eye, and mirrored twice is as before."""
    mirrored, points = mirrored_face(_portrait(), POINTS)
    back, points_back = mirrored_face(mirrored, points)

    assert points[0, 0] < points[1, 0]
    assert points[3, 0] < points[4, 0]
    assert np.array_equal(back, _portrait())
    assert np.array_equal(points_back, POINTS)
    assert not is_same_photograph(detail_of(_portrait(), POINTS), detail_of(mirrored, points))
    assert is_same_photograph(detail_of(_portrait(), POINTS), detail_of(back, points_back))


def test_another_picture_is_another_photograph() -> None:
    """Neither a cat laid onto the same points, nor the same face under other detail."""
    cat = np.asarray(data.chelsea(), np.uint8)
    noise = np.random.default_rng(0).normal(0, 25, _portrait().shape)
    blurred = cv2.GaussianBlur(_portrait(), (0, 0), 4)
    other = np.clip(blurred + noise, 0, 255).astype(np.uint8)

    detail = detail_of(_portrait(), POINTS)
    assert not is_same_photograph(detail, detail_of(cat, POINTS))
    assert not is_same_photograph(detail, detail_of(other, POINTS))


def test_points_in_one_place_end_no_run() -> None:
    """A detector's slip gives a hash of nothing in particular."""
    points = np.full((5, 2), 100.0)

    assert face_hash(_portrait(), points).shape == (32,)
    assert np.isfinite(detail_of(_portrait(), points)).all()
