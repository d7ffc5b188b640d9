"""Reads a plot back: the places of its marks, lines and words, and the examples that plots are drawn of."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.dataset import Item
from training.measuring import Scored, cluster_items

Points = list[tuple[float, float]]


def parse(markup: str) -> ET.Element:
    """A plot and its legend as one tree; markup that is not well-formed fails."""
    return ET.fromstring(f"<div>{markup}</div>")  # noqa: S314 - our own markup


def lines_of(markup: str, style: str) -> list[Points]:
    """The points of each line of a class, as places in the drawing."""
    return [_points(found) for found in parse(markup).iter("polyline") if style in found.attrib["class"].split()]


def bands_of(markup: str, style: str) -> list[Points]:
    """The corners of each area of a class."""
    found = (polygon for polygon in parse(markup).iter("polygon") if "band" in polygon.attrib["class"].split())
    return [_points(band) for band in found if style in band.attrib["class"].split()]


def dots_of(markup: str, style: str = "mark") -> Points:
    """The places of the dots of a class, those of the legend left out."""
    plot = next(parse(markup).iter("svg"))
    found = (dot for dot in plot.iter("circle") if style in dot.attrib["class"].split())
    return [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in found]


def words_of(markup: str) -> str:
    """All that is written in a plot and beside it."""
    return " ".join(parse(markup).itertext())


def scored_of(real: Sequence[float], fake: Sequence[float]) -> Scored:
    """Examples with these scores, each a cluster of its own."""
    labels = ["real"] * len(real) + ["fake"] * len(fake)
    items = [Item(Path(f"{n}.png"), "image", label, "drawn") for n, label in enumerate(labels)]  # type: ignore[arg-type]  # one of the two
    return Scored(items, np.array([*real, *fake], np.float64), cluster_items(items), np.arange(len(items)))


def _points(element: ET.Element) -> Points:
    pairs = (pair.split(",") for pair in element.attrib["points"].split())
    return [(float(across), float(down)) for across, down in pairs]
