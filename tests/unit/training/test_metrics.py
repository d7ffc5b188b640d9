"""Measures with known answers."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from training.metrics import (
    average_precision,
    balanced_accuracy,
    calibration_error,
    equal_error_rate,
    measure,
    roc_auc,
    roc_curve,
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


def test_ties_count_half() -> None:
    """Real and fake with one score are ranked half right."""
    assert roc_auc([0, 1], [0.5, 0.5]) == 0.5
    assert roc_auc([0, 0, 1, 1], [0.2, 0.5, 0.5, 0.9]) == 3.5 / 4


def test_roc_curve_has_a_point_for_each_distinct_score() -> None:
    """Equal scores are called fake together or not at all."""
    roc = roc_curve([0, 0, 1, 1], [0.2, 0.5, 0.5, 0.9])

    assert roc.false_rates.tolist() == [0, 0, 0.5, 1]
    assert roc.true_rates.tolist() == [0, 0.5, 1, 1]


def test_equal_error_rate_lies_between_two_points_of_the_curve() -> None:
    """From (0, 1/3) the curve climbs to (1/2, 1/3) and (1/2, 1): both errors are equal at one half on its way."""
    assert equal_error_rate([1, 0, 1, 1, 0], [5, 4, 3, 2, 1]) == 0.5
    # From (0.5, 0.5) to (1, 1) in one step of ties: misses and alarms meet at one half.
    assert equal_error_rate([0, 1, 0, 1], [2, 2, 1, 1]) == 0.5


def test_average_precision_by_hand() -> None:
    """Fakes at ranks 1 and 3: half of the recall at precision 1, the other half at 2/3."""
    assert average_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_every_figure_of_a_small_set_by_hand() -> None:
    """Real 0.1, 0.6 and fake 0.4, 0.9: one error on either side, and every figure follows."""
    figures = measure([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])

    losses = [-np.log(0.9), -np.log(0.4), -np.log(0.4), -np.log(0.9)]
    assert (figures["real"], figures["fake"]) == (2, 2)
    assert figures["auc"] == 0.75
    assert figures["balanced_accuracy"] == figures["precision"] == figures["recall"] == figures["f1"] == 0.5
    assert figures["log_loss"] == pytest.approx(np.mean(losses))
    assert figures["brier"] == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)
    assert figures["calibration_error"] == pytest.approx((0.1 + 0.6 + 0.6 + 0.1) / 4)
    assert figures["tpr_at_5_fpr"] == 0.5
    assert figures["eer"] == 0.5


def test_one_per_cent_needs_three_hundred_real_examples() -> None:
    """With fewer the figure is left out, with as many it is there."""
    few = measure([0] * 299 + [1], np.linspace(0, 1, 300))
    enough = measure([0] * 300 + [1], np.linspace(0, 1, 301))

    assert few["tpr_at_1_fpr"] is None
    assert few["tpr_at_5_fpr"] == enough["tpr_at_1_fpr"] == 1.0


def test_one_class_is_measured_as_far_as_it_goes() -> None:
    """Without fakes there is no ranking, but there still are losses."""
    figures = measure([0, 0], [0.2, 0.4])

    assert "auc" not in figures
    assert figures["brier"] == pytest.approx((0.04 + 0.16) / 2)
    assert figures["calibration_error"] == pytest.approx(0.3)


def test_balanced_calibration_error_gives_both_classes_the_same_weight() -> None:
    """Nine reals and one fake at one half: off by 0.4 as they are, right where both are as frequent."""
    figures = measure([0] * 9 + [1], [0.5] * 10)

    assert figures["calibration_error"] == pytest.approx(0.4)
    assert figures["calibration_error_balanced"] == pytest.approx(0.0)


def test_measures_agree_with_those_of_a_library() -> None:
    """On drawn scores with ties, rank measures are scikit-learn's."""
    rng = np.random.default_rng(0)
    targets = rng.random(500) < 0.3
    scores = np.round(rng.normal(targets, 1.0), 1)

    assert roc_auc(targets, scores) == pytest.approx(roc_auc_score(targets, scores))
    assert average_precision(targets, scores) == pytest.approx(average_precision_score(targets, scores))


def test_targets_and_scores_must_be_as_many() -> None:
    """A forgotten score is no figure."""
    with pytest.raises(ValueError, match="as many"):
        roc_curve([0, 1], [0.5])


def test_what_is_not_finite_is_written_as_nothing() -> None:
    """JSON has no word for it."""
    assert rounded({"a": float("nan"), "b": [float("inf"), 0.12345]}) == {"a": None, "b": [None, 0.1235]}


def test_perfect_scores_measure_perfectly() -> None:
    """All figures of a perfect classifier, and rounding for people."""
    figures = rounded(measure([0, 0, 1, 1], [0.0, 0.0, 1.0, 1.0]))

    assert figures["auc"] == figures["balanced_accuracy"] == figures["f1"] == figures["tpr_at_5_fpr"] == 1.0
    assert figures["eer"] == figures["brier"] == figures["calibration_error"] == 0.0
