"""Probabilities and thresholds from held-out scores."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.calibrate import choose_thresholds, fit_calibration, fit_temperature, log_odds
from training.errors import TrainingError
from training.metrics import measure
from worker.pipeline.calibration import Calibration

Vector = NDArray[np.float64]


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


def test_temperature_scaling_recovers_a_known_temperature() -> None:
    """Labels drawn from sigmoid(x / 4) give a slope of a quarter back, and no intercept."""
    rng = np.random.default_rng(0)
    logits = rng.uniform(-8, 8, 20_000)

    fitted = fit_temperature(rng.random(20_000) < 1 / (1 + np.exp(-logits / 4)), logits)

    assert fitted.slope == pytest.approx(0.25, abs=0.02)
    assert fitted.intercept == 0.0


def _draw(rng: np.random.Generator, count: int, *, shift: float) -> tuple[Vector, Vector]:
    """Logits three times too sure, and pushed to one side: labels, logits."""
    targets = np.repeat([0.0, 1.0], count)
    return targets, 3 * rng.normal(2 * targets - 1, np.sqrt(2)) + shift


def _measured(fitted: Calibration, drawn: tuple[Vector, Vector]) -> tuple[float, float]:
    targets, logits = drawn
    figures = measure(targets, 1 / (1 + np.exp(-(fitted.slope * logits + fitted.intercept))))
    loss, error = figures["log_loss"], figures["calibration_error"]
    assert loss is not None
    assert error is not None
    return loss, error


@pytest.mark.parametrize(("shift", "is_better"), [(2.0, True), (0.0, False)])
def test_platt_scaling_is_kept_over_temperature_scaling(shift: float, is_better: bool) -> None:  # noqa: FBT001 - a case
    """Fitted on 48 real and 48 fake: far better where unseen sources shift the logits, hardly worse where not."""
    rng = np.random.default_rng(0)
    platt, temperature = [], []
    for _ in range(20):
        targets, logits = _draw(rng, 48, shift=shift)
        unseen = _draw(rng, 2000, shift=shift)
        platt.append(_measured(fit_calibration(targets, logits), unseen))
        temperature.append(_measured(fit_temperature(targets, logits), unseen))
    (loss, error), (other_loss, other_error) = np.mean(platt, axis=0), np.mean(temperature, axis=0)

    if is_better:
        assert error < other_error / 2
        assert loss < other_loss
    else:
        assert loss < other_loss + 0.01


def test_prior_of_the_slope_fades_with_the_examples() -> None:
    """With thousands of examples the slope is the data's, however far from 1."""
    rng = np.random.default_rng(0)
    logits = rng.uniform(-60, 60, 20_000)

    fitted = fit_calibration(rng.random(20_000) < 1 / (1 + np.exp(-logits / 20)), logits)

    assert fitted.slope == pytest.approx(0.05, rel=0.05)


def test_thresholds_for_stated_rates() -> None:
    """Another pair of rates is kept, and written beside the thresholds."""
    scores = np.arange(1000) / 1000

    chosen = choose_thresholds(scores, fake_from_fpr=0.02, real_below_fpr=0.2)

    assert (scores >= chosen.fake_from).sum() == 20
    assert (scores >= chosen.real_below).sum() == 200
    assert chosen.to_json()["false_positive_rates"] == {"fake_from": 0.02, "real_below": 0.2}


@pytest.mark.parametrize(("fake_from", "real_below"), [(0.0, 0.05), (0.1, 0.05), (0.5, 1.0)])
def test_impossible_rates_are_refused(fake_from: float, real_below: float) -> None:
    """The rate of `fake_from` is the lower one, and both lie between 0 and 1."""
    with pytest.raises(TrainingError, match="rates of false alarms"):
        choose_thresholds([0.1, 0.2], fake_from_fpr=fake_from, real_below_fpr=real_below)


def test_thresholds_need_real_examples() -> None:
    """Without one the message says what to add."""
    with pytest.raises(TrainingError, match="add real"):
        choose_thresholds([])


def test_log_odds_stay_finite() -> None:
    """Scores of exactly 0 and 1 are clipped."""
    assert np.isfinite(log_odds([0.0, 1.0])).all()
