"""Crops are square, centred, edge-padded, and the same for training and scanning."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.pipeline.preprocessing import crop_face
from worker.pipeline.results import Box, Pixels

RED, GREEN = (255, 0, 0), (0, 255, 0)


def _plain(width: int, height: int, colour: tuple[int, int, int] = RED) -> Pixels:
    return np.full((height, width, 3), colour, np.uint8)


def test_the_crop_is_the_square_of_1_3_times_the_longer_side() -> None:
    """A box of 60 x 100 in the middle gives the 130 px around its centre."""
    picture = _plain(400, 300)
    picture[85:215, 135:265] = GREEN

    crop = crop_face(picture, Box(170, 100, 60, 100), size_px=130)

    assert crop.shape == (130, 130, 3)
    assert (crop == GREEN).all()


def test_what_lies_outside_repeats_the_edge() -> None:
    """A face at the upper left corner: the border pixels go on."""
    picture = _plain(100, 100)
    picture[0, :] = GREEN
    picture[:, 0] = GREEN

    crop = crop_face(picture, Box(-10, -10, 40, 40), size_px=52)

    assert (crop[:16, :] == GREEN).all()
    assert (crop[:, :16] == GREEN).all()
    assert (crop[17:, 17:] == RED).all()


def test_channels_keep_their_order() -> None:
    """Red in, red out, shrunk or enlarged."""
    for size_px in (32, 224):
        crop = crop_face(_plain(200, 200), Box(50, 50, 100, 100), size_px=size_px)

        assert (crop == RED).all()


def test_shrinking_averages() -> None:
    """A fine chequerboard becomes grey, not a pattern."""
    rows, columns = np.indices((256, 256))
    picture = np.repeat((((rows + columns) % 2) * 255).astype(np.uint8)[:, :, None], 3, axis=2)

    crop = crop_face(picture, Box(64, 64, 128, 128), size_px=64, margin=1.0)

    assert abs(crop.astype(int) - 128).max() <= 1


def test_the_crop_is_not_a_view_of_the_frame() -> None:
    """A frame's memory may be used again."""
    picture = _plain(100, 100)

    crop = crop_face(picture, Box(25, 25, 50, 50), size_px=50, margin=1.0)
    picture[:] = 0

    assert (crop == RED).all()


@given(
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
    w=st.floats(0.1, 800),
    h=st.floats(0.1, 800),
    size_px=st.integers(1, 64),
)
def test_any_box_gives_a_whole_crop(x: float, y: float, w: float, h: float, size_px: int) -> None:
    """Boxes outside, larger than the picture or of less than a pixel."""
    crop = crop_face(_plain(90, 70), Box(x, y, w, h), size_px=size_px)

    assert crop.shape == (size_px, size_px, 3)
    assert (crop == RED).all()


@pytest.mark.parametrize(("size_px", "margin"), [(0, 1.3), (224, 0.0)])
def test_nonsense_is_refused(size_px: int, margin: float) -> None:
    """The message gives both values."""
    with pytest.raises(ValueError, match=f"got {size_px} and {margin}"):
        crop_face(_plain(10, 10), Box(1, 1, 5, 5), size_px=size_px, margin=margin)
