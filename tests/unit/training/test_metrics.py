"""Measures with known answers."""

import numpy as np
import pytest

from training.metrics import (
    balanced_accuracy,
    calibration_error,
    equal_error_rate,
    interval,
    measure,
    roc_auc,
    rounded,
    threshold_for_fpr,
    tpr_at_fpr,
)


def test_auc_counts_pairs_in_order() -> None:
    """Of four pairs three are in order."""
    assert roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75


def test_auc_of_one_class_is_unknown() -> None:
    """Without both classes there is no ranking."""
    assert np.isnan(roc_auc([1, 1], [0.1, 0.2]))


def test_equal_error_rate_of_a_symmetric_overlap() -> None:
    """One of four on either side is on the wrong side."""
    assert equal_error_rate([0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 7, 8, 9]) == 0.25


def test_threshold_honours_its_false_positive_rate() -> None:
    """At the threshold no more than the stated share of real scores is called fake, and one step lower more is."""
    scores = np.linspace(0, 0.99, 200)

    threshold = threshold_for_fpr(scores, fpr=0.05)

    assert (scores >= threshold).mean() == 0.05
    assert (scores >= np.nextafter(threshold, 0)).mean() > 0.05


def test_threshold_with_ties_stays_on_the_safe_side() -> None:
    """Where many real scores are alike, none of them is called fake."""
    scores = [0.2] * 50 + [0.9] * 50

    assert (np.array(scores) >= threshold_for_fpr(scores, fpr=0.05)).sum() == 0


def test_tpr_at_fpr_uses_that_threshold() -> None:
    """With 20 real examples, 5 % allow one of them above."""
    real, fake = np.arange(20) / 100, np.array([0.185, 0.30, 0.05])

    assert tpr_at_fpr([0] * 20 + [1] * 3, np.concatenate([real, fake]), fpr=0.05) == pytest.approx(2 / 3)


def test_calibration_error_is_the_gap() -> None:
    """Scores of 0.8 that come true in half of the cases are 0.3 off."""
    assert calibration_error([0, 1, 0, 1], [0.8] * 4) == pytest.approx(0.3)


def test_balanced_accuracy_ignores_how_many_there_are() -> None:
    """Nine reals called right do not hide the one fake that was missed."""
    assert balanced_accuracy([0] * 9 + [1], [0.1] * 10) == 0.5


def test_interval_holds_the_value_and_draws_clusters_whole() -> None:
    """The interval of clustered examples is wider than that of as many independent ones."""
    rng = np.random.default_rng(0)
    group_score = rng.normal(0, 1, 10)
    clusters = np.repeat(np.arange(10), 20)
    targets = (clusters % 2).astype(float)
    scores = group_score[clusters] + targets + rng.normal(0, 0.05, 200)

    low, high = interval(roc_auc, targets, scores, clusters=clusters)
    narrow_low, narrow_high = interval(roc_auc, targets, scores)

    assert low <= roc_auc(targets, scores) <= high
    assert high - low > narrow_high - narrow_low


def test_perfect_scores_measure_perfectly() -> None:
    """All figures of a perfect classifier, and rounding for people."""
    figures = rounded(measure([0, 0, 1, 1], [0.0, 0.0, 1.0, 1.0]))

    assert figures["auc"] == figures["balanced_accuracy"] == figures["f1"] == figures["tpr_at_5_fpr"] == 1.0
    assert figures["eer"] == figures["brier"] == figures["calibration_error"] == 0.0
