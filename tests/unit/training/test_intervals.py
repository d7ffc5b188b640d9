"""How sure a figure is."""

import numpy as np
import pytest

from training.intervals import draw_weights, errors_by_chance, interval, intervals_of, mean_interval
from training.metrics import calibration_error, measure, roc_auc, tpr_at_fpr


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


def test_a_cluster_is_drawn_whole() -> None:
    """Members of a cluster come as often as each other in every round, and as many clusters come as there are."""
    clusters = np.array([7, 7, 3, 9, 9, 9])

    for weights in draw_weights(6, clusters, rounds=20, seed=0):
        assert weights[0] == weights[1]
        assert weights[3] == weights[4] == weights[5]
        assert weights[0] + weights[2] + weights[3] == 3


def test_intervals_of_the_auc_hold_the_truth_19_times_of_20() -> None:
    """Of 150 drawn sets, the AUC of the distribution (0.7602 for a distance of one) lies within about 95 %."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(150):
        targets = np.repeat([0.0, 1.0], 60)
        logits = rng.normal(targets, 1.0)
        low, high = interval(roc_auc, targets, logits, rounds=100)
        hits += low <= 0.7602 <= high

    assert 135 <= hits <= 149


def test_intervals_by_video_hold_the_truth_where_intervals_by_frame_do_not() -> None:
    """Sixteen frames of a video are hardly more than one: drawn one by one they make the interval far too narrow."""
    rng = np.random.default_rng(0)
    videos = np.repeat(np.arange(40), 16)
    targets = (videos % 2).astype(np.float64)
    hits = {"videos": 0, "frames": 0}
    for _ in range(100):
        logits = (rng.normal(0, 1, 40) + np.arange(40) % 2)[videos] + rng.normal(0, 0.1, len(videos))
        for name, clusters in (("videos", videos), ("frames", None)):
            low, high = interval(roc_auc, targets, logits, clusters=clusters, rounds=100)
            hits[name] += low <= 0.7602 <= high

    assert hits["videos"] >= 85
    assert hits["frames"] <= 60


def test_interval_of_a_calibration_error_may_begin_at_none() -> None:
    """Scores that are calibrated show an error of 0.1 on a hundred examples; the interval knows that none is there."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(50):
        scores = 1 / (1 + np.exp(-rng.normal(0, 1.5, 100)))
        targets = (rng.random(100) < scores).astype(np.float64)
        low, high = intervals_of(targets, scores, rounds=100)["calibration_error"]
        hits += low == 0.0
        assert low <= high

    assert hits >= 45


def test_interval_of_a_plain_calibration_error_stays_away_from_none() -> None:
    """Scores of 0.9 that come true in half of the cases are wrong by 0.4, and surely by more than 0.25."""
    low, high = intervals_of([0, 1] * 100, [0.9] * 200)["calibration_error"]

    assert 0.25 < low < 0.4 < high < 0.55


def test_errors_by_chance_count_files_not_frames() -> None:
    """Ten frames of each of 20 videos say no more than 20 pictures do."""
    scores = np.random.default_rng(0).random(20)

    by_file = errors_by_chance(np.repeat(scores, 10), files=np.repeat(np.arange(20), 10)).mean()

    assert by_file == pytest.approx(errors_by_chance(scores).mean(), rel=0.1)
    assert errors_by_chance(np.repeat(scores, 10)).mean() < by_file / 2


def test_every_figure_has_an_interval_that_holds_it() -> None:
    """What `measure` gives, `intervals_of` gives with bounds."""
    rng = np.random.default_rng(0)
    targets = np.repeat([0.0, 1.0], 400)
    scores = 1 / (1 + np.exp(-rng.normal(targets * 2 - 1, 1.2)))

    figures, around = measure(targets, scores), intervals_of(targets, scores, rounds=200)

    assert set(around) == set(figures) - {"real", "fake"}
    for name, (low, high) in around.items():
        value = figures[name]
        assert value is not None
        assert low <= value <= high, name


def test_one_class_and_nothing_have_no_interval_of_a_ranking() -> None:
    """One class leaves the losses; no example leaves nothing, and neither fails."""
    assert "auc" not in intervals_of([1, 1, 1], [0.2, 0.5, 0.9])
    assert np.isnan(interval(roc_auc, [1, 1], [0.1, 0.2])).all()
    assert np.isnan(interval(roc_auc, [], [])).all()


def test_rounds_that_all_agree_give_no_interval() -> None:
    """A perfect ranking of a few examples, and a mean of one video, are no certainty."""
    targets, scores = [0.0] * 7 + [1.0] * 9, np.linspace(0.05, 0.95, 16)

    assert np.isnan(intervals_of(targets, scores)["auc"]).all()
    assert np.isnan(interval(roc_auc, targets, scores)).all()
    assert np.isnan(mean_interval([0.1, 0.2, 0.3], clusters=[1, 1, 1])).all()
    assert np.isnan(mean_interval([0.7] * 30)).all()


def test_interval_of_a_mean() -> None:
    """Half of a hundred, give or take a tenth."""
    low, high = mean_interval([0.0, 1.0] * 50)

    assert 0.38 < low < 0.43
    assert 0.57 < high < 0.62


def test_the_same_seed_gives_the_same_interval() -> None:
    """Figures do not change from run to run."""
    targets, scores = [0, 1] * 30, np.random.default_rng(0).random(60)

    def found(truth: np.ndarray, values: np.ndarray) -> float:
        return tpr_at_fpr(truth, values, fpr=0.05)

    assert interval(found, targets, scores) == interval(found, targets, scores)
    assert calibration_error(targets, scores) > 0
