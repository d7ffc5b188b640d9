"""Draws what scores are worth as probabilities: reliability diagram, histograms of both classes, confusion matrix."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.intervals import draw_weights, middle
from training.measuring import VERDICTS, Scored
from training.metrics import BINS
from training.plots.svg import Axis, Plot, even_ticks, legend

ROUNDS = 300
HISTOGRAM_BINS = 20
_COUNTS_SHARE = 0.16
"""Part of the reliability diagram's height that shows how many examples a bin holds."""
LEAST_IN_BIN = 3


def reliability_plot(scored: Scored) -> str:
    """How often scores come true, bin by bin, with intervals; both classes weigh the same (DeGroot, Fienberg, 1983)."""
    ticks = even_ticks(0, 1, 0.2)
    plot = Plot(
        Axis("score", 0, 1, ticks), Axis("share of fakes, classes weighing the same", 0, 1, ticks), name="Reliability"
    )
    places = np.minimum((scored.scores * BINS).astype(int), BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    for place in np.flatnonzero(counts).tolist():
        height = _COUNTS_SHARE * counts[place] / counts.max()
        words = f"{counts[place]} with scores of {place / BINS:g} to {(place + 1) / BINS:g}"
        plot.bar((place / BINS + 0.005, (place + 1) / BINS - 0.005), (0, float(height)), "count", title=words)
    plot.line([(0, 0), (1, 1)], "chance")
    points = reliability_points(scored)
    plot.line([(score, share) for score, share, _ in points], "accent thin")
    for score, share, (low, high) in points:
        if np.isfinite(low):
            plot.whisker(score, low, high, "accent")
        plot.mark(score, share, "accent", title=f"scores near {score:.2f} came true in {share:.0%}")
    keys = [("dot", "accent", "bins of 0.1"), ("line", "chance", "as promised"), ("band", "count", "how many")]
    return plot.render() + legend(keys)


def reliability_points(scored: Scored) -> list[tuple[float, float, tuple[float, float]]]:
    """Of each bin that holds a few: its mean score, its share of fakes, and that share's interval."""
    truth = scored.truth
    places = np.minimum((scored.scores * BINS).astype(int), BINS - 1)
    ones = np.ones(len(truth))
    rounds = list(draw_weights(len(truth), scored.clusters, rounds=ROUNDS, seed=0))
    found = []
    for place in range(BINS):
        here = places == place
        if here.sum() >= LEAST_IN_BIN:
            shares = [share for weights in rounds if (share := _share(truth, weights, here)) is not None]
            whole = _share(truth, ones, here)
            mean = float(np.average(scored.scores[here], weights=_even(truth, ones)[here]))
            found.append((mean, 0.0 if whole is None else whole, middle(shares)))
    return found


def histogram_plot(scored: Scored, *, thresholds: Mapping[str, Any] | None = None) -> str:
    """Where the scores of real and of fake lie, each class as shares of its own."""
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    is_fake = scored.truth > 0.5
    shares = {
        name: np.histogram(scored.scores[chosen], edges)[0] / max(1, chosen.sum())
        for name, chosen in (("real", ~is_fake), ("fake", is_fake))
    }
    top = _round_up(max(float(found.max()) for found in shares.values()))
    ticks = [(top * n / 4, f"{top * n / 4:.0%}" if top >= 0.2 else f"{top * n / 4:.1%}") for n in range(5)]
    plot = Plot(
        Axis("score", 0, 1, even_ticks(0, 1, 0.2)), Axis("share of the class", 0, top, ticks), name="Scores by class"
    )
    for name, found in shares.items():
        outline = _steps(edges, found)
        plot.band([(0.0, 0.0), (1.0, 0.0)], outline, name)
        plot.line(outline, name)
    for row, (name, words) in enumerate((("real_below", "real below"), ("fake_from", "fake from"))):
        if thresholds:
            plot.upright(thresholds[name], "ink", label=f"{words} {thresholds[name]:.2f}", row=row)
    return plot.render() + legend([("band", name, name) for name, found in shares.items() if found.any()])


def confusion_plot(verdicts: Mapping[str, Any]) -> str:
    """How many real and fake examples got which verdict; the deeper the colour, the larger the share of the row."""
    counts = {label: found for label, found in verdicts["counts"].items() if sum(found.values())}
    head = "".join(f'<th scope="col">called {verdict}</th>' for verdict in VERDICTS)
    rows = [
        f'<tr><th scope="row">{escape(label)}</th>{"".join(_cell(label, found, verdict) for verdict in VERDICTS)}</tr>'
        for label, found in counts.items()
    ]
    return f'<table class="confusion"><thead><tr><td></td>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _cell(label: str, found: Mapping[str, int], verdict: str) -> str:
    share = found[verdict] / sum(found.values())
    style = "right" if verdict == label else "unsure" if verdict == "uncertain" else "wrong"
    return (
        f'<td class="{style}" style="--share:{share * 100:.0f}%"><b>{found[verdict]}</b><small>{share:.1%}</small></td>'
    )


def _even(truth: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights under which both classes weigh the same."""
    fakes, reals = (weights * truth).sum(), (weights * (1 - truth)).sum()
    return np.asarray(weights * np.where(truth > 0.5, 1 / max(fakes, 1e-9), 1 / max(reals, 1e-9)), np.float64)


def _share(truth: NDArray[np.float64], weights: NDArray[np.float64], here: NDArray[np.bool_]) -> float | None:
    even = _even(truth, weights)
    total = even[here].sum()
    return float((even * truth)[here].sum() / total) if total > 0 else None


def _steps(edges: NDArray[np.float64], heights: NDArray[np.float64]) -> list[tuple[float, float]]:
    points = [(float(edges[0]), 0.0)]
    for place, height in enumerate(heights.tolist()):
        points += [(float(edges[place]), height), (float(edges[place + 1]), height)]
    return [*points, (float(edges[-1]), 0.0)]


def _round_up(value: float, *, steps: Sequence[float] = (0.04, 0.08, 0.12, 0.2, 0.4, 0.6, 0.8, 1.0)) -> float:
    return next((step for step in steps if step >= value), 1.0)
