"""Regions of a face are drawn from its five points."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.landmarks import REGIONS, Points, Region, outline_of, shape_of, warp_between

FRONTAL = np.array([(40.0, 50.0), (80.0, 50.0), (60.0, 72.0), (44.0, 92.0), (76.0, 92.0)])
"""Eyes 40 px apart, the mouth 42 px below them."""

similarities = st.tuples(st.floats(-3.1, 3.1), st.floats(0.3, 4.0), st.floats(-200.0, 200.0), st.floats(-200.0, 200.0))


def _moved(points: Points, similarity: tuple[float, float, float, float]) -> Points:
    turn, scale, across, down = similarity
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return points @ matrix.T + (across, down)


def _holds(outline: Points, point: Points) -> bool:
    return cv2.pointPolygonTest(outline.astype(np.float32), (float(point[0]), float(point[1])), measureDist=False) > 0


@pytest.mark.parametrize(
    ("region", "inside"),
    [
        ("face", [0, 1, 2, 3, 4]),
        ("forehead", [0, 1, 2, 3, 4]),
        ("inner", [0, 1, 2, 3, 4]),
        ("lower", [2, 3, 4]),
        ("eyes_nose", [0, 1, 2]),
        ("eyes", [0, 1]),
        ("mouth", [3, 4]),
        ("nose", [2]),
    ],
)
def test_a_region_holds_its_own_points_alone(region: Region, inside: list[int]) -> None:
    """The mouth's region holds the corners of the mouth and no eye, and so on."""
    outline = outline_of(FRONTAL, region)

    assert [place for place in range(5) if _holds(outline, FRONTAL[place])] == inside


@given(similarities)
def test_regions_move_with_the_face(similarity: tuple[float, float, float, float]) -> None:
    """A face that is moved, turned and scaled has its regions moved, turned and scaled."""
    for region in REGIONS:
        expected = _moved(outline_of(FRONTAL, region), similarity)

        assert np.allclose(outline_of(_moved(FRONTAL, similarity), region), expected, atol=1e-6 * 1000)


def test_the_side_that_the_nose_points_to_is_narrow() -> None:
    """A face turned to the picture's right shows less cheek there."""
    turned = FRONTAL.copy()
    turned[2, 0] += 10

    outline = outline_of(turned, "face")

    assert outline[:, 0].max() - 60 < 0.8 * (60 - outline[:, 0].min())


@given(st.lists(st.floats(0, 300), min_size=10, max_size=10))
def test_any_five_points_give_a_polygon(numbers: list[float]) -> None:
    """Points in one place, in a line or upside down give finite outlines: a wrong landmark ends no run."""
    points = np.array(numbers).reshape(5, 2)
    for region in REGIONS:
        assert np.isfinite(outline_of(points, region)).all()
    assert np.isfinite(shape_of(points)).all()


@given(similarities)
def test_shapes_know_no_place_and_no_size(similarity: tuple[float, float, float, float]) -> None:
    """One pose moved and scaled is the same shape; turned it is another."""
    _, scale, across, down = similarity

    assert np.allclose(shape_of(_moved(FRONTAL, (0.0, scale, across, down))), shape_of(FRONTAL), atol=1e-6)
    assert not np.allclose(shape_of(_moved(FRONTAL, (0.5, scale, across, down))), shape_of(FRONTAL), atol=1e-2)


@given(similarities)
def test_one_face_is_laid_onto_another(similarity: tuple[float, float, float, float]) -> None:
    """The matrix finds back any move, turn and scale."""
    target = _moved(FRONTAL, similarity)

    matrix = warp_between(FRONTAL, target)

    assert np.allclose(FRONTAL @ matrix[:, :2].T + matrix[:, 2], target, atol=1e-6 * 1000)
