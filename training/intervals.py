"""Says how sure a figure is: bootstrap rounds that draw whole videos, or whatever else hangs together."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.metrics import Ranked, Vector, balanced_error_of, calibration_error_of, measure_ranked

Statistic = Callable[[Vector, Vector], float]
Interval = tuple[float, float]

ROUNDS = 1000
QUANTILES = (0.025, 0.975)
LEAST_ROUNDS = 0.5
"""Share of the rounds that must give a figure; of a handful of clusters many rounds lack a class."""
_ROUNDING = 1e-9
_ERRORS = {"calibration_error": calibration_error_of, "calibration_error_balanced": balanced_error_of}


def interval(
    statistic: Statistic,
    targets: ArrayLike,
    scores: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    rounds: int = 500,
    seed: int = 0,
) -> Interval:
    """The middle 95 % of any statistic over rounds that draw clusters with replacement.

    Args:
        statistic: of (targets, scores).
        targets: 1 for fake, 0 for real.
        scores: one per target.
        clusters: what is drawn together, such as the clip or the footage; each example alone when None.
        rounds: bootstrap rounds.
        seed: of the draws.

    Returns:
        (nan, nan) where the rounds lack a class, or all give one value: they cannot tell how far from it the truth is.
    """
    truth, values = np.asarray(targets, np.float64), np.asarray(scores, np.float64)
    found = []
    for weights in draw_weights(len(truth), clusters, rounds=rounds, seed=seed):
        drawn = np.repeat(np.arange(len(truth)), weights.astype(np.int64))
        if len(np.unique(truth[drawn])) == 2:
            found.append(statistic(truth[drawn], values[drawn]))
    return telling(middle(found))


def intervals_of(
    targets: ArrayLike,
    probabilities: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    files: ArrayLike | None = None,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> dict[str, Interval]:
    """The intervals of every figure of `measure`, from the same rounds.

    Args:
        targets: 1 for fake, 0 for real.
        probabilities: calibrated scores, one per target.
        clusters: what is drawn together; each example alone when None.
        files: the number of the file of each example, whose labels are one; each its own when None.
        rounds: bootstrap rounds.
        seed: of the draws.
    """
    ranked = Ranked(targets, probabilities)
    whole = measure_ranked(ranked, np.ones(len(ranked.values)))
    rows = [
        measure_ranked(ranked, weights[ranked.order])
        for weights in draw_weights(len(ranked.values), clusters, rounds=rounds, seed=seed)
    ]
    found = {name: _spread(rows, name) for name, value in whole.items() if value is not None}
    for name, measured in _ERRORS.items():
        error = whole.get(name)
        if error is not None and rows:
            chance = errors_by_chance(probabilities, files=files, error_of=measured, seed=seed)
            found[name] = _error_interval(error, found[name], chance)
    return found


def errors_by_chance(
    probabilities: ArrayLike,
    *,
    files: ArrayLike | None = None,
    error_of: Callable[[Ranked, Vector], float] = calibration_error_of,
    rounds: int = 200,
    seed: int = 0,
) -> Vector:
    """The calibration errors that perfectly calibrated scores show on as many examples, one per round.

    A calibration error is never zero: with 100 examples in ten bins it is about 0.1 by chance alone.
    """
    values = np.asarray(probabilities, np.float64)
    _, place = np.unique(np.arange(len(values)) if files is None else np.asarray(files), return_inverse=True)
    rng = np.random.default_rng(seed)
    ones, found = np.ones(len(values)), []
    for _ in range(rounds if len(values) else 0):
        # One draw a file: frames of one video are all real or all fake.
        drawn = rng.random(int(place.max()) + 1)[place] < values
        found.append(error_of(Ranked(drawn, values), ones))
    return np.array(found, np.float64)


def draw_weights(count: int, clusters: ArrayLike | None, *, rounds: int, seed: int) -> Iterator[Vector]:
    """How often each example is drawn, round by round, when whole clusters are drawn with replacement."""
    names = np.arange(count) if clusters is None else np.asarray(clusters)
    if len(names) != count:
        raise ValueError(f"there must be one cluster for each of {count} examples, got {len(names)}")
    _, place = np.unique(names, return_inverse=True)
    rng = np.random.default_rng(seed)
    groups = int(place.max()) + 1 if count else 0
    for _ in range(rounds if groups else 0):
        drawn = np.bincount(rng.integers(0, groups, groups), minlength=groups)
        yield drawn[place].astype(np.float64)


def middle(found: Sequence[float] | NDArray[np.float64]) -> Interval:
    """The middle 95 % of what the rounds gave; (nan, nan) of nothing."""
    if not len(found):
        return float("nan"), float("nan")
    low, high = np.quantile(found, QUANTILES)
    return float(low), float(high)


def telling(around: Interval) -> Interval:
    """An interval that says something: one without any width comes of too few examples, not of certainty."""
    low, high = around
    return around if high - low > _ROUNDING else middle([])


def mean_interval(
    values: ArrayLike, *, clusters: ArrayLike | None = None, rounds: int = 500, seed: int = 0
) -> Interval:
    """The interval of a mean; (nan, nan) of a single cluster, or of one value: these say nothing of a spread."""
    scores = np.asarray(values, np.float64)
    draws = draw_weights(len(scores), clusters, rounds=rounds, seed=seed)
    return telling(middle([float((weights * scores).sum() / weights.sum()) for weights in draws]))


def _spread(rows: Sequence[Mapping[str, float | None]], name: str) -> Interval:
    values = [value for row in rows if (value := row.get(name)) is not None]
    return telling(middle(values if len(values) > LEAST_ROUNDS * len(rows) else []))


def _error_interval(error: float, drawn: Interval, chance: Vector) -> Interval:
    """The interval of a calibration error, whose estimate is too high, and too high once more in every round.

    Turning the rounds about the estimate takes that back; and an error that chance explains may as well be none.
    """
    if np.isnan(drawn[0]):
        return drawn
    low, high = max(0.0, 2 * error - drawn[1]), max(0.0, 2 * error - drawn[0])
    return (0.0 if error <= np.quantile(chance, QUANTILES[1]) else low), high
