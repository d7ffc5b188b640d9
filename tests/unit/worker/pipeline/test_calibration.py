"""Raw outputs become probabilities."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.pipeline.calibration import Calibration, log_odds

FINITE = st.floats(-1e6, 1e6)


def test_a_calibration_is_the_sigmoid_of_a_line() -> None:
    """The probability is sigmoid(slope * logit + intercept)."""
    calibration = Calibration(slope=2.0, intercept=-1.0)

    assert calibration.apply(0.5) == 0.5
    assert calibration.apply(2.0) == pytest.approx(0.9525741)
    assert calibration.apply(-1.0) == pytest.approx(0.0474259)


@given(one=FINITE, other=FINITE)
def test_probabilities_keep_the_order_of_logits(one: float, other: float) -> None:
    """No logit, however large, leaves 0..1 or turns the order round."""
    calibration = Calibration(slope=0.7, intercept=0.2)
    low, high = sorted((one, other))

    assert 0.0 <= calibration.apply(low) <= calibration.apply(high) <= 1.0


def test_a_score_of_exactly_one_stays_finite() -> None:
    """Scores are clipped before their log odds are taken."""
    assert log_odds(1.0) == pytest.approx(math.log(999_999))
    assert log_odds(0.0) == pytest.approx(-math.log(999_999))
    assert Calibration(slope=1.0, intercept=0.0).apply_to_score(1.0) == pytest.approx(1 - 1e-6)


@pytest.mark.parametrize(("slope", "intercept"), [(0.0, 0.0), (-1.0, 0.0), (math.nan, 0.0), (1.0, math.inf)])
def test_a_calibration_that_would_turn_verdicts_round_is_refused(slope: float, intercept: float) -> None:
    """Slopes are positive and both numbers finite."""
    with pytest.raises(ValueError, match="positive slope"):
        Calibration(slope=slope, intercept=intercept)


@given(slope=st.floats(1e-3, 1e3), intercept=st.floats(-50, 50), one=st.floats(0, 1), other=st.floats(0, 1))
def test_any_calibration_keeps_the_order_of_scores(slope: float, intercept: float, one: float, other: float) -> None:
    """Thresholds on calibrated scores divide videos as thresholds on raw ones do."""
    calibration = Calibration(slope=slope, intercept=intercept)
    low, high = sorted((one, other))

    assert 0.0 <= calibration.apply_to_score(low) <= calibration.apply_to_score(high) <= 1.0


@given(score=st.floats(1e-5, 1 - 1e-5))
def test_log_odds_are_undone_by_the_plain_sigmoid(score: float) -> None:
    """Calibrating with slope 1 and intercept 0 changes nothing."""
    assert Calibration(slope=1.0, intercept=0.0).apply_to_score(score) == pytest.approx(score, rel=1e-9)
