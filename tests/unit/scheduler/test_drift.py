"""Drift is measured by the population stability index."""

import pytest

from scheduler.drift import population_stability


def test_the_same_scores_do_not_drift() -> None:
    """However many there are on either side."""
    scores = [0.05, 0.45, 0.95, 1.0]

    assert population_stability(scores, scores * 7) == pytest.approx(0.0)


def test_the_index_is_that_of_the_books() -> None:
    """Half and half against nine to one: (0.9-0.5) ln(0.9/0.5) + (0.1-0.5) ln(0.1/0.5)."""
    half, most = [0.05, 0.95], [0.05] * 9 + [0.95]

    assert population_stability(half, most) == pytest.approx(0.878890, abs=1e-5)


def test_an_empty_bin_is_no_division_by_zero() -> None:
    """Scores where there were none before are drift, and a number."""
    assert 1.0 < population_stability([0.05] * 100, [0.95] * 100) < 100.0


def test_no_scores_are_refused() -> None:
    """Nobody takes them for calm."""
    with pytest.raises(ValueError, match="no scores"):
        population_stability([], [0.5])
