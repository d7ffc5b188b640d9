"""Draws how a network learnt: loss and validation AUC, epoch by epoch, run by run."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from training.plots.svg import WIDE, Axis, Plot, even_ticks, legend

SERIES = 8
"""Colours that can be told apart; further runs start anew."""


def learning_plots(curves: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The plots of a manifest's curves, with their titles: what of loss and validation AUC was written down.

    Args:
        curves: one entry an epoch: "run", "epoch" and, where measured, "loss" and "validation_auc".
    """
    found = []
    for key, title in (("loss", "Loss"), ("validation_auc", "Validation AUC")):
        runs = curves_by_run(curves, key)
        if runs:
            found.append((title, _plot(runs, title)))
    return found


def curves_by_run(curves: Sequence[Mapping[str, Any]], key: str) -> dict[str, list[tuple[float, float]]]:
    """(epoch, value) of each run, in order of the epochs; what is missing or no number is left out."""
    runs: dict[str, list[tuple[float, float]]] = {}
    for entry in curves:
        epoch, value = entry.get("epoch"), entry.get(key)
        if isinstance(epoch, int | float) and isinstance(value, int | float) and math.isfinite(value):
            runs.setdefault(str(entry.get("run", "")), []).append((float(epoch), float(value)))
    return {run: sorted(points) for run, points in runs.items()}


def _plot(runs: Mapping[str, list[tuple[float, float]]], title: str) -> str:
    epochs = [epoch for points in runs.values() for epoch, _ in points]
    values = [value for points in runs.values() for _, value in points]
    first, last = min(epochs), max(epochs)
    low, high, ticks = nice_range(min(values), max(values))
    plot = Plot(
        Axis("epoch", first, max(last, first + 1), _epoch_ticks(first, last)),
        Axis(title, low, high, ticks),
        name=title,
        width=WIDE,
    )
    keys = []
    for number, (run, points) in enumerate(runs.items()):
        style = f"series-{number % SERIES + 1}"
        plot.line(points, style)
        for epoch, value in points if len(points) <= 40 else ():
            plot.mark(epoch, value, style, title=f"{run}, epoch {epoch:g}: {value:.4g}")
        keys.append(("line", style, run or "training"))
    return plot.render() + legend(keys)


def nice_range(low: float, high: float) -> tuple[float, float, list[tuple[float, str]]]:
    """A range of round numbers around values, and about five ticks in it."""
    span = max(high - low, abs(high) * 1e-3, 1e-6)
    rough = span / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    start, end = math.floor(low / step) * step, math.ceil(high / step) * step
    if end <= start:
        end = start + step
    digits = max(0, -math.floor(math.log10(step)) + (1 if f"{step:e}".startswith("2.5") else 0))
    return start, end, even_ticks(start, end, step, digits=digits)


def _epoch_ticks(first: float, last: float) -> list[tuple[float, str]]:
    step = max(1, math.ceil((last - first) / 8))
    return [(epoch, f"{epoch:g}") for epoch in range(round(first), round(last) + 1, step)]
