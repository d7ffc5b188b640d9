"""How far the scores of late are from those that a classifier was measured by."""

import math
from collections.abc import Sequence

BINS = 10
# A bin that is empty on one side counts as if it held so small a share, as usual with this index.
_LEAST_SHARE = 1e-4


def population_stability(reference: Sequence[float], recent: Sequence[float]) -> float:
    """The population stability index over ten bins of equal width: below 0.1 calm, above 0.25 another population.

    Args:
        reference: scores in 0..1, at least one.
        recent: the same.
    """
    pairs = zip(_shares(reference), _shares(recent), strict=True)
    return sum((now - before) * math.log(now / before) for before, now in pairs)


def _shares(scores: Sequence[float]) -> list[float]:
    if not scores:
        raise ValueError("no scores: a distribution needs at least one")
    counts = [0] * BINS
    for score in scores:
        counts[min(BINS - 1, int(score * BINS))] += 1
    return [max(_LEAST_SHARE, count / len(scores)) for count in counts]
