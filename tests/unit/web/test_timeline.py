"""What is drawn of scores over time."""

from db.verdicts import Thresholds
from web.pages.timeline import draw_timeline

_THRESHOLDS = Thresholds(real_below=0.3, fake_from=0.8)


def test_each_frame_reaches_half_way_to_its_neighbours() -> None:
    """Slots follow each other without gaps from the beginning to the end of the video."""
    frames = [{"t_s": t_s, "score": score} for t_s, score in ((1.0, 0.1), (3.0, 0.9), (5.0, 0.9), (9.0, None))]
    drawn = draw_timeline(frames, 10.0, _THRESHOLDS)

    assert drawn is not None
    assert [(slot.x, slot.width, slot.look) for slot in drawn.slots] == [
        (0.0, 200.0, "real"),
        (200.0, 200.0, "fake"),
        (400.0, 300.0, "fake"),
        (700.0, 300.0, "idle"),
    ]
    assert [(stretch.from_s, stretch.to_s) for stretch in drawn.fake] == [(2.0, 7.0)]


def test_a_stretch_may_last_to_the_end() -> None:
    """Frames called fake at the end make a stretch that ends with the video, be its length known or not."""
    drawn = draw_timeline([{"t_s": 2.0, "score": 0.9}], None, _THRESHOLDS)

    assert drawn is not None
    assert [(stretch.from_s, stretch.to_s) for stretch in drawn.fake] == [(0.0, 2.04)]


def test_the_axis_names_beginning_middle_and_end() -> None:
    """Whatever is played at the moment."""
    drawn = draw_timeline([{"t_s": 1.0, "score": 0.9}], 65.0, _THRESHOLDS)

    assert drawn is not None
    assert drawn.ticks_s == (0.0, 32.5, 65.0)


def test_nothing_is_drawn_of_nothing() -> None:
    """A video of which no frame was looked at has no timeline."""
    assert draw_timeline([], 5.0, _THRESHOLDS) is None
