"""Draws the map of the last features: every file a point, coloured by its class or by its source."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.dataset import Item
from training.plots.svg import BARE, Axis, Plot, legend

SERIES = 8
_SIDE = 520
_ENDS = (-0.02, 1.02)


def label_map(points: NDArray[np.float64], items: Sequence[Item]) -> str:
    """The map by class: dots are real, triangles fake; a pale centre marks what is from a video."""
    plot = _empty("Map of the last features by class")
    for (x, y), item in zip(points.tolist(), items, strict=True):
        plot.mark(x, y, _style(item, item.label), shape=_shape(item), title=f"{item.label}: {item.source}")
    keys = [
        ("triangle" if label == "fake" else "dot", f"{label}{' hollow' if kind == 'video' else ''}", f"{label}, {word}")
        for label in ("real", "fake")
        for kind, word in (("image", "picture"), ("video", "video"))
        if any(item.label == label and item.kind == kind for item in items)
    ]
    return plot.render() + legend(keys)


def source_map(points: NDArray[np.float64], items: Sequence[Item]) -> str:
    """The map by source: colours repeat after eight, real ones being dots and fake ones triangles."""
    styles = source_styles(items)
    plot = _empty("Map of the last features by source")
    for (x, y), item in zip(points.tolist(), items, strict=True):
        style = styles[item.label, item.source]
        plot.mark(x, y, style, shape=_shape(item), title=f"{item.label}: {item.source}")
    keys = [
        ("triangle" if label == "fake" else "dot", style, f"{label} {source}")
        for (label, source), style in styles.items()
    ]
    return plot.render() + legend(keys)


def source_styles(items: Sequence[Item]) -> dict[tuple[str, str], str]:
    """A colour for each source of each class; hollow marks from the ninth on."""
    found: dict[tuple[str, str], str] = {}
    for label in ("real", "fake"):
        names = sorted({item.source for item in items if item.label == label})
        for number, source in enumerate(names):
            hollow = " hollow" if number // SERIES % 2 else ""
            found[label, source] = f"series-{number % SERIES + 1}{hollow}"
    return found


def _empty(name: str) -> Plot:
    return Plot(Axis("", *_ENDS, ()), Axis("", *_ENDS, ()), name=name, width=_SIDE, height=_SIDE, margins=BARE)


def _style(item: Item, colour: str) -> str:
    return f"{colour} hollow" if item.kind == "video" else colour


def _shape(item: Item) -> str:
    return "triangle" if item.is_fake else "dot"
