"""Draws how the AUC falls as faces are degraded: one curve for each way, from clean to strong."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from training.plots.svg import WIDE, Axis, Plot, even_ticks, legend
from training.robustness import CLEAN, CONDITIONS, Condition

_SHIFT = 0.045
"""By how much of a step the curves stand beside each other, so that their intervals can be seen."""
_SHAPES = ("dot", "square", "triangle")


def robustness_plot(table: Mapping[str, Any], kind: str, *, conditions: Sequence[Condition] = CONDITIONS) -> str:
    """The AUC under each condition with its interval.

    Args:
        table: as `robustness_table` gives it.
        kind: "image" or "video".
        conditions: those of the table; mild before strong in each family.
    """
    families: dict[str, list[str]] = {}
    for condition in conditions:
        if "auc" in table.get(condition.name, {}).get(kind, {}):
            families.setdefault(condition.family, []).append(condition.name)
    steps = max((len(names) for names in families.values()), default=1)
    plot = _empty(table, kind, [CLEAN, *(name for names in families.values() for name in names)], steps)
    keys = []
    for number, names in enumerate(families.values()):
        style, shape = f"series-{number + 1}", _SHAPES[number % len(_SHAPES)]
        shift = (number - (len(families) - 1) / 2) * _SHIFT
        places = [0.0, *(place + shift for place in range(1, len(names) + 1))]
        aucs = [table[name][kind]["auc"] for name in (CLEAN, *names)]
        plot.line(list(zip(places, aucs, strict=True)), f"{style} thin")
        for place, name in zip(places[1:], names, strict=True):
            _mark(plot, table[name][kind], place, name, style=style, shape=shape)
        keys.append((shape, style, ", ".join(names)))
    _mark(plot, table[CLEAN][kind], 0, CLEAN, style="ink", shape="dot")
    return plot.render() + legend([("dot", "ink", CLEAN), *keys])


def _empty(table: Mapping[str, Any], kind: str, names: Sequence[str], steps: int) -> Plot:
    lowest = min(_around(table[name][kind])[0] for name in names)
    low = min(0.9, math.floor(lowest * 10) / 10)
    words = [CLEAN, "mild", "strong"] if steps == 2 else [CLEAN, *(str(step) for step in range(1, steps + 1))]
    plot = Plot(
        Axis("degradation", -0.25, steps + 0.25, list(enumerate(words))),
        Axis("AUC", low, 1.0, even_ticks(low, 1.0, 0.1)),
        name="AUC under degradation",
        width=WIDE,
    )
    if low <= 0.5:
        plot.line([(-0.25, 0.5), (steps + 0.25, 0.5)], "chance")
    return plot


def _mark(plot: Plot, figures: Mapping[str, Any], place: float, name: str, *, style: str, shape: str) -> None:
    low, high = _around(figures)
    plot.whisker(place, low, high, style)
    title = f"{name}: AUC {figures['auc']:.3f} ({low:.3f} to {high:.3f})"
    plot.mark(place, figures["auc"], style, shape=shape, title=title)


def _around(figures: Mapping[str, Any]) -> tuple[float, float]:
    """The interval, or the value alone where there is none."""
    low, high = figures["intervals"].get("auc") or (None, None)
    value = float(figures["auc"])
    return (value if low is None else float(low)), (value if high is None else float(high))
