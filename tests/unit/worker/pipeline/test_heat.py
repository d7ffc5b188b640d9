"""Rules of heat maps over faces."""

import numpy as np
import pytest
from numpy.typing import NDArray

from worker.pipeline.heat import heat_scale, measure_heat_span, normalise_heat, overlay_heat, place_heat
from worker.pipeline.preprocessing import crop_face
from worker.pipeline.results import Box

GREY = np.full((224, 224, 3), 120, np.uint8)


def one_place(row: int, column: int, logit: float = 10.0) -> NDArray[np.float32]:
    """A map of 7x7 places of which one speaks."""
    heat_map = np.zeros((7, 7), np.float32)
    heat_map[row, column] = logit
    return heat_map


def reddest(picture: NDArray[np.uint8]) -> tuple[int, int]:
    """Row and column of the pixel that is most red and least blue, of those that no line covers."""
    redness = picture[..., 0].astype(int) - picture[..., 2]
    row, column = np.unravel_index(int(redness.argmax()), redness.shape)
    return int(row), int(column)


def test_a_place_lights_up_where_it_is() -> None:
    """The upper right place colours the upper right of the crop: neither turned nor mirrored."""
    row, column = reddest(overlay_heat(GREY, one_place(1, 5)))

    assert abs(row - 48) <= 4
    assert abs(column - 176) <= 4


def test_the_scale_is_the_same_for_every_face() -> None:
    """A place of five logits has the same colour whatever the strongest place of its face is."""
    alone, beside_more = one_place(1, 1, 5.0), one_place(1, 1, 5.0)
    beside_more[5, 5] = 30.0

    assert normalise_heat(alone, size_px=224)[48, 48] == pytest.approx(0.5, abs=0.02)
    np.testing.assert_array_equal(overlay_heat(GREY, alone)[:96, :96], overlay_heat(GREY, beside_more)[:96, :96])


def test_a_place_beyond_the_span_is_full() -> None:
    """The scale ends at its span, on both sides."""
    heat = normalise_heat(one_place(3, 3, 1000.0) - one_place(0, 0, 1000.0), size_px=70)

    assert (heat.min(), heat.max()) == (-1.0, 1.0)


def test_fake_is_orange_and_real_is_blue() -> None:
    """What speaks for fake and what speaks for real cannot be confused, and what says nothing stays grey."""
    picture = overlay_heat(GREY, one_place(1, 1, 10.0) - one_place(5, 5, 10.0), has_contour=False)

    assert picture[48, 48, 0] > picture[48, 48, 2] + 80
    assert picture[176, 176, 2] > picture[176, 176, 0] + 80
    assert picture[48, 176].tolist() == pytest.approx([136, 136, 136], abs=2)


def test_the_map_lies_on_the_square_that_was_cut() -> None:
    """In the frame, heat shows where the crop was taken from, and nothing else of the frame changes."""
    frame = np.random.default_rng(5).integers(100, 140, (300, 400, 3)).astype(np.uint8)
    box = Box(200, 100, 80, 100)
    heat_map = one_place(1, 5)

    placed = place_heat(frame, box, heat_map, margin=1.3)
    crop_of_placed = crop_face(placed, box, size_px=130, margin=1.3)

    np.testing.assert_array_equal(crop_of_placed, overlay_heat(crop_face(frame, box, size_px=130), heat_map))
    changed = (placed != frame).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (85, 214, 175, 304)


@pytest.mark.parametrize("box", [Box(-30, -20, 80, 80), Box(380, 260, 80, 80), Box(500, 500, 60, 60)])
def test_a_face_at_the_edge_of_the_frame(box: Box) -> None:
    """A square that reaches out of the frame, or lies outside, is drawn as far as it is in it."""
    frame = np.full((300, 400, 3), 120, np.uint8)

    assert place_heat(frame, box, one_place(3, 3)).shape == (300, 400, 3)


def test_the_given_pictures_are_left_alone() -> None:
    """Drawing makes new pictures."""
    frame = np.full((300, 400, 3), 120, np.uint8)
    before = frame.copy()

    place_heat(frame, Box(50, 50, 100, 100), one_place(3, 3))
    overlay_heat(frame[:224, :224], one_place(3, 3))

    np.testing.assert_array_equal(frame, before)


def test_the_scale_runs_from_real_to_fake() -> None:
    """The legend is blue at its left end, grey in the middle, and orange at its right end."""
    strip = heat_scale(101, 5)

    assert strip.shape == (5, 101, 3)
    assert strip[2, 0, 2] > strip[2, 0, 0] + 80
    assert strip[2, 50].tolist() == [142, 142, 142]
    assert strip[2, 100, 0] > strip[2, 100, 2] + 80


def test_a_classifier_has_the_scale_of_its_places() -> None:
    """Nine of ten places lie within, told in two digits; maps that are flat take the common scale."""
    heat_maps = np.linspace(-2.34, 2.34, 1001, dtype=np.float32).reshape(7, 11, 13)

    assert measure_heat_span(heat_maps) == 2.1
    assert measure_heat_span(np.zeros((2, 7, 7), np.float32)) == 10.0


@pytest.mark.parametrize(
    ("heat_map", "size_px", "span"),
    [
        (np.zeros((2, 3, 4), np.float32), 10, 1.0),
        (np.zeros((0, 3), np.float32), 10, 1.0),
        (np.full((3, 3), np.nan, np.float32), 10, 1.0),
        (np.zeros((3, 3), np.float32), 0, 1.0),
        (np.zeros((3, 3), np.float32), 10, 0.0),
        (np.zeros((3, 3), np.float32), 10, float("nan")),
    ],
)
def test_what_is_no_heat_map_is_refused(heat_map: NDArray[np.float32], size_px: int, span: float) -> None:
    """A wrong shape, a value that is no number or a scale of nothing is an error."""
    with pytest.raises(ValueError, match="must be"):
        normalise_heat(heat_map, size_px=size_px, span=span)
