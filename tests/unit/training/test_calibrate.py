"""Probabilities and thresholds from held-out scores."""

import numpy as np
import pytest

from training.calibrate import choose_thresholds, fit_calibration, log_odds


def test_calibration_recovers_a_known_slope_and_intercept() -> None:
    """Labels drawn from sigmoid(2 x + 0) over a symmetric range give slope 2 and intercept 0 back."""
    rng = np.random.default_rng(0)
    logits = rng.uniform(-2, 2, 20_000)
    targets = rng.random(20_000) < 1 / (1 + np.exp(-2 * logits))

    fitted = fit_calibration(targets, logits)

    assert fitted.slope == pytest.approx(2.0, abs=0.1)
    assert fitted.intercept == pytest.approx(0.0, abs=0.1)


def test_calibration_never_turns_verdicts_round() -> None:
    """Scores that rank the wrong way give a small slope, not a negative one."""
    fitted = fit_calibration([1, 1, 1, 0, 0, 0], [-3, -2, -1, 1, 2, 3])

    assert 0 < fitted.slope < 1


def test_classes_weigh_the_same_whatever_their_numbers() -> None:
    """Ten times as many reals do not push a score between the classes below one half."""
    fitted = fit_calibration([0] * 500 + [1] * 50, [-1.0] * 250 + [1.0] * 250 + [0.0] * 25 + [2.0] * 25)

    assert fitted.apply(0.5) == pytest.approx(0.5, abs=0.05)


def test_thresholds_keep_their_rates_where_there_are_enough_examples() -> None:
    """Of 1000 real scores at most 10 are called fake, and at most 50 are not called real."""
    scores = np.random.default_rng(0).beta(2, 5, 1000)

    chosen = choose_thresholds(scores)

    assert (scores >= chosen.fake_from).sum() <= 10
    assert (scores >= chosen.real_below).sum() <= 50
    assert chosen.real_below < chosen.fake_from


def test_few_examples_are_said_to_be_few() -> None:
    """With 49 real examples no 1 % is claimed: the threshold lies above all of them and the note says so."""
    scores = np.linspace(0.1, 0.7, 49)

    chosen = choose_thresholds(scores)

    assert chosen.fake_from > 0.7
    assert "cannot be measured on 49 real examples" in chosen.note


def test_log_odds_stay_finite() -> None:
    """Scores of exactly 0 and 1 are clipped."""
    assert np.isfinite(log_odds([0.0, 1.0])).all()
