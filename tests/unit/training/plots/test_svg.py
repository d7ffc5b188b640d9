"""Axes, scales and marks."""

import pytest

from tests.unit.training.plots.drawn import dots_of, lines_of, parse, words_of
from training.plots.svg import Axis, Margins, Plot, even_ticks, legend


def _plot(**changes: object) -> Plot:
    axis = Axis("share", 0, 1, even_ticks(0, 1, 0.5))
    values: dict[str, object] = {"width": 120, "height": 120, "margins": Margins(10, 10, 10, 10), "name": "a <plot>"}
    return Plot(axis, axis, **{**values, **changes})  # type: ignore[arg-type]  # a table of arguments


def test_the_origin_lies_below_at_the_left() -> None:
    """Rising values go up and to the right, within the margins."""
    plot = _plot()

    assert plot.place(0, 0) == (10, 110)
    assert plot.place(1, 1) == (110, 10)
    assert plot.place(0.25, 0.75) == (35, 35)


def test_what_lies_beyond_an_end_is_put_at_it() -> None:
    """Nothing is drawn outside of the axes."""
    assert _plot().place(-5, 7) == (10, 10)


def test_an_axis_may_be_warped() -> None:
    """On an axis of squares, one half of the way is the root of one half."""
    axis = Axis("", 0, 2, (), warp=lambda value: value * value)

    assert axis.share(2**0.5) == pytest.approx(0.5)


def test_lines_and_marks_stand_where_their_values_say() -> None:
    """And say in words what they are."""
    plot = _plot()
    plot.line([(0, 0), (1, 0.5)], "accent")
    plot.mark(0.5, 0.5, "accent", title="half & half")

    drawn = plot.render()

    assert lines_of(drawn, "accent") == [[(10, 110), (110, 60)]]
    assert dots_of(drawn) == [(60, 60)]
    assert "half & half" in words_of(drawn)


def test_names_are_escaped() -> None:
    """Whatever a source or a run is called, the markup stays whole."""
    plot = _plot()
    plot.mark(0, 0, "real", title='<script>"x"</script>')
    plot.words(0, 0, "<b>&")

    drawn = plot.render() + legend([("dot", "real", "<i>")])

    assert next(parse(drawn).iter("svg")).attrib["aria-label"] == "a <plot>"
    assert '<script>"x"</script>' in words_of(drawn)
    assert "<script" not in drawn
    assert "<i>" not in drawn


def test_ticks_come_at_even_steps() -> None:
    """Both ends included."""
    assert even_ticks(0, 1, 0.5) == [(0.0, "0.0"), (0.5, "0.5"), (1.0, "1.0")]


def test_shapes_can_be_told_apart() -> None:
    """A dot is a circle, a square a rectangle, a triangle a polygon."""
    plot = _plot()
    for shape in ("dot", "square", "triangle"):
        plot.mark(0.5, 0.5, "real", shape=shape)

    tags = [element.tag for element in parse(plot.render()).iter() if "mark" in element.attrib.get("class", "")]

    assert tags == ["circle", "rect", "polygon"]
