"""Draws how well scores tell real from fake: ROC curve with its interval, and DET curve."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from training.intervals import QUANTILES, draw_weights
from training.measuring import Scored
from training.metrics import Ranked, Roc, roc_curve, roc_of
from training.plots.svg import Axis, Plot, even_ticks, legend

ROUNDS = 300
_GRID = np.concatenate([np.linspace(0, 0.1, 21), np.linspace(0.125, 1, 36)])
_RATES = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)
_DET_ENDS = (0.001, 0.995)


def roc_plot(scored: Scored, *, thresholds: Mapping[str, Any] | None = None) -> str:
    """The ROC curve, the interval of its height at each rate of false alarms, and the verdicts' two thresholds.

    Args:
        scored: with both classes.
        thresholds: "real_below" and "fake_from".
    """
    ticks = even_ticks(0, 1, 0.2)
    plot = Plot(
        Axis("false alarms: share of real called fake", 0, 1, ticks),
        Axis("fakes found", 0, 1, ticks),
        name="ROC curve",
    )
    lower, upper = roc_band(scored)
    plot.band(_points(_GRID, lower), _points(_GRID, upper), "accent")
    plot.line([(0, 0), (1, 1)], "chance")
    roc = thinned(roc_curve(scored.truth, scored.scores))
    plot.line(_points(roc.false_rates, roc.true_rates), "accent")
    for name, false_rate, true_rate in _working_points(scored, thresholds or {}):
        words = f"{name}: {true_rate:.1%} of fakes found at {false_rate:.1%} false alarms"
        plot.mark(false_rate, true_rate, "ink", shape="square" if name == "real_below" else "dot", title=words)
    keys = [("line", "accent", "all thresholds"), ("band", "accent", "95 % interval"), ("line", "chance", "chance")]
    if thresholds:
        keys += [("dot", "ink", "called fake from here"), ("square", "ink", "no longer called real from here")]
    return plot.render() + legend(keys)


def det_plot(scored: Scored, *, thresholds: Mapping[str, Any] | None = None) -> str:
    """The detection error trade-off on normal deviates (Martin et al., Eurospeech 1997).

    Rates of less than one file cannot be seen: the curve ends there.
    """
    ticks = [(rate, f"{rate * 100:g} %") for rate in _RATES]
    low, high = _DET_ENDS
    plot = Plot(
        Axis("false alarms", low, high, ticks, _deviate),
        Axis("fakes missed", low, high, ticks, _deviate),
        name="Detection error trade-off",
    )
    roc = thinned(roc_curve(scored.truth, scored.scores))
    missed = 1 - roc.true_rates
    plot.line([(low, low), (high, high)], "chance")
    seen = (roc.false_rates > 0) & (missed > 0)
    plot.line(_points(roc.false_rates[seen], missed[seen]), "accent")
    for name, false_rate, true_rate in _working_points(scored, thresholds or {}):
        words = f"{name}: {1 - true_rate:.1%} of fakes missed at {false_rate:.1%} false alarms"
        if false_rate > 0 and true_rate < 1:
            plot.mark(false_rate, 1 - true_rate, "ink", shape="square" if name == "real_below" else "dot", title=words)
    return plot.render() + legend([("line", "accent", "all thresholds"), ("line", "chance", "equal errors")])


def roc_band(scored: Scored, *, rounds: int = ROUNDS, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The middle 95 % of the curve's height on a fixed grid of false alarms, by whole clusters."""
    ranked = Ranked(scored.truth, scored.scores)
    heights = []
    for weights in draw_weights(len(scored.scores), scored.clusters, rounds=rounds, seed=seed):
        reals, fakes = (weights * (1 - scored.truth)).sum(), (weights * scored.truth).sum()
        if reals and fakes:
            heights.append(_heights(roc_of(ranked, weights[ranked.order])))
    if not heights:
        nothing = _heights(roc_curve(scored.truth, scored.scores))
        return nothing, nothing
    lower, upper = np.quantile(heights, QUANTILES, axis=0)
    return lower, upper


def thinned(roc: Roc, *, most: int = 400) -> Roc:
    """The curve without the points that lie on a straight line, and with at most so many of the others."""
    across, up = np.diff(roc.false_rates), np.diff(roc.true_rates)
    turns = np.abs(across[1:] * up[:-1] - across[:-1] * up[1:]) > 1e-15
    kept = np.flatnonzero(np.concatenate([[True], turns, [True]]))
    if len(kept) > most:
        kept = kept[np.unique(np.linspace(0, len(kept) - 1, most).astype(int))]
    return Roc(roc.false_rates[kept], roc.true_rates[kept])


def _heights(roc: Roc) -> NDArray[np.float64]:
    """The share found at each rate of the grid; of an upright step its upper end."""
    places = np.searchsorted(roc.false_rates, _GRID, side="right") - 1
    after = np.minimum(places + 1, len(roc.false_rates) - 1)
    span = roc.false_rates[after] - roc.false_rates[places]
    part = np.divide(_GRID - roc.false_rates[places], span, out=np.zeros_like(_GRID), where=span > 0)
    return np.asarray(roc.true_rates[places] + part * (roc.true_rates[after] - roc.true_rates[places]), np.float64)


def _working_points(scored: Scored, thresholds: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    is_fake = scored.truth > 0.5
    points = []
    for name in ("real_below", "fake_from"):
        if name in thresholds:
            called = scored.scores >= thresholds[name]
            points.append((name, float(called[~is_fake].mean()), float(called[is_fake].mean())))
    return points


def _deviate(rate: float) -> float:
    return float(ndtri(rate))


def _points(across: NDArray[np.float64], up: NDArray[np.float64]) -> list[tuple[float, float]]:
    return list(zip(across.tolist(), up.tolist(), strict=True))
