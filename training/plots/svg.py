"""Draws axes, lines, bands and points as SVG text.

Colours come from classes (`real`, `fake`, `series-1` ...) that a style sheet defines for light and dark pages; the
numbers in the markup are rounded to a hundredth of a pixel.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 380, 310
WIDE = 460
"""For plots that stand two in a row instead of three, so that their words come out alike."""
_MARK = 3.2
_TICK_GAP, _TITLE_GAP = 16, 34

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Margins:
    """Room around the area of a plot, in units of the drawing."""

    left: float = 54
    right: float = 14
    top: float = 12
    bottom: float = 44


AXES = Margins()
BARE = Margins(4, 4, 4, 4)
"""For a plot whose axes mean nothing."""


def _as_is(value: float) -> float:
    return value


@dataclass(frozen=True)
class Axis:
    """One axis.

    Args:
        title: with its unit.
        low: value at the left or lower end.
        high: value at the other end; may be below `low`.
        ticks: values with what is written at them.
        warp: what is laid out evenly, such as the normal deviate of a rate.
    """

    title: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    warp: Callable[[float], float] = _as_is

    def share(self, value: float) -> float:
        """Where a value lies on the axis, 0..1; what lies beyond an end is put at it."""
        start, end = self.warp(self.low), self.warp(self.high)
        inside = min(max(value, min(self.low, self.high)), max(self.low, self.high))
        return (self.warp(inside) - start) / (end - start)


class Plot:
    """A plot that grows mark by mark; what is drawn later lies above.

    Args:
        x: the axis below.
        y: the axis at the left.
        name: what the plot shows, for those who cannot see it.
        width: in units of the drawing, which the page scales.
        height: as `width`.
        margins: around the area between the axes.
    """

    def __init__(
        self, x: Axis, y: Axis, *, name: str, width: int = WIDTH, height: int = HEIGHT, margins: Margins = AXES
    ) -> None:
        self._x, self._y, self._name = x, y, name
        self._width, self._height = width, height
        self._left, self._top = margins.left, margins.top
        self._right, self._bottom = width - margins.right, height - margins.bottom
        self._marks: list[str] = []

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A point's place in the drawing."""
        across = self._left + self._x.share(x) * (self._right - self._left)
        return across, self._bottom - self._y.share(y) * (self._bottom - self._top)

    def line(self, points: Points, style: str, *, title: str = "") -> None:
        """A line through points."""
        self._add(f'<polyline class="line {style}" points="{self._path(points)}"', "polyline", title)

    def band(self, lower: Points, upper: Points, style: str) -> None:
        """The area between two lines."""
        self._marks.append(f'<polygon class="band {style}" points="{self._path([*lower, *reversed(upper)])}"/>')

    def bar(self, x: tuple[float, float], y: tuple[float, float], style: str, *, title: str = "") -> None:
        """A rectangle between two values of either axis."""
        (left, bottom), (right, top) = self.place(x[0], y[0]), self.place(x[1], y[1])
        box = f'x="{left:.2f}" y="{top:.2f}" width="{right - left:.2f}" height="{bottom - top:.2f}"'
        self._add(f'<rect class="bar {style}" {box}', "rect", title)

    def whisker(self, x: float, low: float, high: float, style: str) -> None:
        """An interval as an upright line."""
        (across, bottom), (_, top) = self.place(x, low), self.place(x, high)
        where = f'x1="{across:.2f}" y1="{bottom:.2f}" x2="{across:.2f}" y2="{top:.2f}"'
        self._marks.append(f'<line class="whisker {style}" {where}/>')

    def mark(self, x: float, y: float, style: str, *, shape: str = "dot", title: str = "") -> None:
        """A point: a "dot", a "triangle" or a "square"."""
        markup, tag = draw_shape(shape, *self.place(x, y), style)
        self._add(markup, tag, title)

    def upright(self, x: float, style: str, *, label: str = "", row: int = 0) -> None:
        """A line over the whole height at a value, with a word beside its upper end."""
        across, _ = self.place(x, self._y.low)
        ends = f'x1="{across:.2f}" y1="{self._top}" x2="{across:.2f}" y2="{self._bottom}"'
        self._marks.append(f'<line class="rule {style}" {ends}/>')
        is_left = self._x.share(x) > 0.6
        self.words(
            across + (-4 if is_left else 4), self._top + 11 + 13 * row, label, anchor="end" if is_left else "start"
        )

    def words(self, x: float, y: float, text: str, *, style: str = "note", anchor: str = "start") -> None:
        """Text at a place of the drawing."""
        if text:
            self._marks.append(
                f'<text class="{style}" x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}">{escape(text)}</text>'
            )

    def render(self) -> str:
        """The whole drawing."""
        size = f'viewBox="0 0 {self._width} {self._height}"'
        parts = [f'<svg class="plot" {size} role="img" aria-label="{escape(self._name)}">', *self._grid()]
        return "".join([*parts, *self._marks, "</svg>"])

    def _add(self, markup: str, tag: str, title: str) -> None:
        self._marks.append(f"{markup}><title>{escape(title)}</title></{tag}>" if title else f"{markup}/>")

    def _path(self, points: Iterable[tuple[float, float]]) -> str:
        places = (self.place(x, y) for x, y in points)
        return " ".join(f"{across:.2f},{down:.2f}" for across, down in places)

    def _grid(self) -> list[str]:
        left, right, top, bottom = self._left, self._right, self._top, self._bottom
        marks = []
        for value, text in self._x.ticks:
            across, _ = self.place(value, self._y.low)
            marks.append(f'<line class="grid" x1="{across:.2f}" y1="{top}" x2="{across:.2f}" y2="{bottom}"/>')
            marks.append(_tick(across, bottom + _TICK_GAP, text, "middle"))
        for value, text in self._y.ticks:
            _, down = self.place(self._x.low, value)
            marks.append(f'<line class="grid" x1="{left}" y1="{down:.2f}" x2="{right}" y2="{down:.2f}"/>')
            marks.append(_tick(left - 6, down + 4, text, "end"))
        if self._x.title:
            where = f'x="{(left + right) / 2:.1f}" y="{bottom + _TITLE_GAP}"'
            marks.append(f'<text class="title" {where} text-anchor="middle">{escape(self._x.title)}</text>')
        if self._y.title:
            where = f'transform="translate(12 {(top + bottom) / 2:.1f}) rotate(-90)"'
            marks.append(f'<text class="title" {where} text-anchor="middle">{escape(self._y.title)}</text>')
        return marks


def draw_shape(shape: str, x: float, y: float, style: str) -> tuple[str, str]:
    """An open tag of a mark around a place, and the tag's name."""
    if shape == "dot":
        return f'<circle class="mark {style}" cx="{x:.2f}" cy="{y:.2f}" r="{_MARK}"', "circle"
    if shape == "square":
        size = 2 * _MARK
        return (
            f'<rect class="mark {style}" x="{x - _MARK:.2f}" y="{y - _MARK:.2f}" width="{size}" height="{size}"',
            "rect",
        )
    corners = ((0, -1.25), (1.15, 0.85), (-1.15, 0.85))
    places = " ".join(f"{x + across * _MARK:.2f},{y + down * _MARK:.2f}" for across, down in corners)
    return f'<polygon class="mark {style}" points="{places}"', "polygon"


def even_ticks(low: float, high: float, step: float, *, digits: int = 1) -> list[tuple[float, str]]:
    """Ticks at every `step` from `low` to `high`."""
    count = round((high - low) / step)
    return [(low + step * n, f"{low + step * n:.{digits}f}") for n in range(count + 1)]


def legend(entries: Iterable[tuple[str, str, str]]) -> str:
    """A key below a plot: (shape or "line", class, words) each."""
    return f'<p class="legend">{"".join(_key(shape, style, words) for shape, style, words in entries)}</p>'


def _key(shape: str, style: str, words: str) -> str:
    if shape == "line":
        drawn = f'<line class="line {style}" x1="1" y1="7" x2="19" y2="7"/>'
    elif shape == "band":
        drawn = f'<rect class="band {style}" x="1" y="2" width="18" height="10"/>'
    else:
        drawn = draw_shape(shape, 10, 7, style)[0] + "/>"
    return f'<span><svg class="key" viewBox="0 0 20 14" aria-hidden="true">{drawn}</svg>{escape(words)}</span>'


def _tick(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text class="tick" x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}">{escape(text)}</text>'
