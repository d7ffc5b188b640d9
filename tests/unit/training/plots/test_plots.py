"""Every plot shows the figures that it is given."""

from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.plots.drawn import bands_of, dots_of, lines_of, parse, scored_of, words_of
from training.dataset import Item
from training.metrics import roc_curve
from training.plots.degrading import robustness_plot
from training.plots.learning import curves_by_run, learning_plots, nice_range
from training.plots.probability import confusion_plot, histogram_plot, reliability_plot, reliability_points
from training.plots.ranking import det_plot, roc_band, roc_plot, thinned
from training.plots.scatter import label_map, source_map, source_styles
from training.plots.svg import AXES, HEIGHT, WIDTH
from training.robustness import Condition

LIMITS = {"real_below": 0.35, "fake_from": 0.65}


def _values(
    points: list[tuple[float, float]], *, width: int = WIDTH, height: int = HEIGHT
) -> list[tuple[float, float]]:
    """Places in a drawing as values of axes from 0 to 1."""
    across = width - AXES.left - AXES.right
    up = height - AXES.top - AXES.bottom
    return [((x - AXES.left) / across, (height - AXES.bottom - y) / up) for x, y in points]


def test_roc_curve_goes_through_its_points() -> None:
    """Real 0.1, 0.6 and fake 0.4, 0.9: half found without an alarm, all at one half; thresholds are marked."""
    drawn = roc_plot(scored_of([0.1, 0.6], [0.4, 0.9]), thresholds=LIMITS)

    curve = _values(lines_of(drawn, "accent")[0])
    assert np.allclose(curve, [(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)], atol=1e-3)
    assert np.allclose(_values(dots_of(drawn, "ink")), [(0, 0.5)], atol=1e-3)
    assert "real_below: 100.0% of fakes found at 50.0% false alarms" in words_of(drawn)
    assert len(bands_of(drawn, "accent")) == 1


def test_roc_interval_holds_the_curve() -> None:
    """At every rate of false alarms the curve lies within the band."""
    rng = np.random.default_rng(0)
    scored = scored_of(rng.beta(2, 4, 80).tolist(), rng.beta(4, 2, 80).tolist())

    lower, upper = roc_band(scored)

    assert (lower <= upper).all()
    assert 0.02 < (upper - lower)[1:].max() < 0.5
    assert lower[-1] == upper[-1] == 1.0


def test_a_long_curve_is_thinned_without_losing_its_corners() -> None:
    """Ten thousand points on a few straight steps are those steps; otherwise at most 400 remain."""
    steps = _thinned([0.1] * 3000 + [0.6] * 2000, [0.4] * 1000 + [0.9] * 4000)
    rng = np.random.default_rng(0)
    long = _thinned(rng.random(5000).tolist(), rng.random(5000).tolist())

    assert steps == [(0.0, 0.0), (0.0, 0.8), (0.4, 0.8), (0.4, 1.0), (1.0, 1.0)]
    assert len(long) <= 400
    assert long[0] == (0, 0)
    assert long[-1] == (1, 1)


def _thinned(real: list[float], fake: list[float]) -> list[tuple[float, float]]:
    roc = thinned(roc_curve([0] * len(real) + [1] * len(fake), [*real, *fake]))
    return list(zip(roc.false_rates.tolist(), roc.true_rates.tolist(), strict=True))


def test_det_curve_is_laid_out_on_normal_deviates() -> None:
    """Equal errors of one half lie in the middle between 5 % and 95 %; rates of no file at all are not drawn."""
    drawn = det_plot(scored_of([1, 2, 3, 6], [4, 5, 7, 8]))

    points = lines_of(drawn, "accent")[0]
    ticks = {
        text.text: float(text.attrib["x"])
        for text in parse(drawn).iter("text")
        if text.attrib.get("text-anchor") == "middle" and "x" in text.attrib and (text.text or "").endswith("%")
    }
    assert ticks["50 %"] == pytest.approx((ticks["5 %"] + ticks["95 %"]) / 2, abs=0.02)
    # One false alarm of four is the only rate at which neither error is zero.
    quarter = ticks["50 %"] + (ticks["50 %"] - ticks["5 %"]) / 1.6449 * -0.6745
    assert {round(across) for across, _ in points} == {round(quarter)}


def test_reliability_shows_how_often_scores_come_true() -> None:
    """Scores of 0.25 come true in a quarter, scores of 0.75 in half: the second point lies below its promise."""
    scored = scored_of([0.25] * 30 + [0.75] * 10, [0.25] * 10 + [0.75] * 30)
    uneven = scored_of([0.25] * 300 + [0.75] * 100, [0.25] * 10 + [0.75] * 30)

    points = [(score, share) for score, share, _ in reliability_points(scored)]

    assert points == [pytest.approx((0.25, 0.25)), pytest.approx((0.75, 0.75))]
    # Ten times as many reals weigh no more than the fakes.
    assert [(score, share) for score, share, _ in reliability_points(uneven)] == [
        pytest.approx((0.25, 0.25)),
        pytest.approx((0.75, 0.75)),
    ]
    assert np.allclose(_values(dots_of(reliability_plot(scored), "accent")), points, atol=1e-3)


def test_reliability_leaves_out_bins_of_next_to_nothing() -> None:
    """One example says nothing of a share."""
    assert reliability_points(scored_of([0.1], [0.9])) == []


def test_histogram_shows_shares_of_each_class() -> None:
    """A class of four with three scores alike reaches three quarters, whatever the size of the other."""
    drawn = histogram_plot(scored_of([0.11, 0.12, 0.13, 0.91], [0.92] * 100), thresholds=LIMITS)

    heights = {style: max(y for _, y in _values(lines_of(drawn, style)[0])) for style in ("real", "fake")}
    assert heights["fake"] == pytest.approx(1.0, abs=1e-3)
    assert heights["real"] == pytest.approx(0.75, abs=1e-3)
    assert "real below 0.35" in words_of(drawn)
    assert "fake from 0.65" in words_of(drawn)


def test_histogram_of_one_class_names_that_class_alone() -> None:
    """Nothing is said of what is not there."""
    assert words_of(histogram_plot(scored_of([], [0.9, 0.8]))).split()[-1] == "fake"


def test_confusion_matrix_counts_and_shares() -> None:
    """Rows are what is true, and a class without examples has none."""
    counts = {"real": {"real": 6, "uncertain": 1, "fake": 1}, "fake": {"real": 0, "uncertain": 0, "fake": 0}}

    drawn = confusion_plot({"counts": counts})

    assert [cell.text for cell in parse(drawn).iter("b")] == ["6", "1", "1"]
    assert [cell.text for cell in parse(drawn).iter("small")] == ["75.0%", "12.5%", "12.5%"]


def test_learning_curves_are_drawn_run_by_run() -> None:
    """Epochs are put in order, missing and odd values left out, and a figure that nobody measured has no plot."""
    curves = [
        {"run": "fold 1", "epoch": 2, "loss": 0.5},
        {"run": "fold 1", "epoch": 1, "loss": 1.0},
        {"run": "<kept>", "epoch": 1, "loss": 0.75, "validation_auc": None},
        {"run": "<kept>", "epoch": 2, "loss": float("nan")},
        {"epoch": "x", "loss": 3},
    ]

    plots = learning_plots(curves)

    assert curves_by_run(curves, "loss") == {"fold 1": [(1.0, 1.0), (2.0, 0.5)], "<kept>": [(1.0, 0.75)]}
    assert [title for title, _ in plots] == ["Loss"]
    assert "&lt;kept&gt;" in plots[0][1]
    assert len(lines_of(plots[0][1], "series-1")[0]) == 2
    assert learning_plots([]) == []


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0.12, 0.48, (0.1, 0.5)), (3.0, 3.0, (3.0, 3.001)), (0.0, 97.0, (0.0, 100.0))]
)
def test_axes_end_at_round_numbers(low: float, high: float, expected: tuple[float, float]) -> None:
    """Around the values, and never of no width."""
    start, end, ticks = nice_range(low, high)

    assert (start, end) == pytest.approx(expected, abs=1e-3)
    assert start <= low <= high <= end
    assert 2 <= len(ticks) <= 8
    assert len({text for _, text in ticks}) == len(ticks)


def _row(auc: float, low: float, high: float) -> dict[str, object]:
    return {"image": {"auc": auc, "intervals": {"auc": [low, high]}}}


def test_robustness_curves_start_at_the_clean_figure() -> None:
    """One line for each way, from clean to strong; the axis reaches down to the lowest interval."""
    conditions = [Condition(name, family, lambda crops: crops) for name, family in (("a 1", "a"), ("a 2", "a"))]
    table = {"clean": _row(0.9, 0.85, 0.95), "a 1": _row(0.8, 0.7, 0.9), "a 2": _row(0.6, 0.43, 0.7)}

    drawn = robustness_plot(table, "image", conditions=conditions)

    line = [y for _, y in _values(lines_of(drawn, "series-1")[0])]
    assert line == pytest.approx([(0.9 - 0.4) / 0.6, (0.8 - 0.4) / 0.6, (0.6 - 0.4) / 0.6], abs=1e-3)
    assert "a 2: AUC 0.600 (0.430 to 0.700)" in words_of(drawn)
    assert len(lines_of(drawn, "chance")) == 1


def test_robustness_without_an_interval_shows_the_figure_alone() -> None:
    """Too few examples for an interval are enough for a point."""
    table = {"clean": {"image": {"auc": 1.0, "intervals": {"auc": [None, None]}}}}

    drawn = robustness_plot(table, "image", conditions=[])

    assert "clean: AUC 1.000 (1.000 to 1.000)" in words_of(drawn)


def _items() -> list[Item]:
    return [
        Item(Path("a.png"), "image", "real", "camera"),
        Item(Path("b.mp4"), "video", "fake", "<swap>"),
        Item(Path("c.png"), "image", "fake", "gan"),
    ]


def test_maps_show_every_file_once() -> None:
    """Real ones as dots, fake ones as triangles, by class and by source."""
    points = np.array([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]])

    for drawn in (label_map(points, _items()), source_map(points, _items())):
        plot = next(parse(drawn).iter("svg"))
        marks = [element for element in plot.iter() if "mark" in element.attrib.get("class", "")]
        assert [mark.tag for mark in marks] == ["circle", "polygon", "polygon"]
        assert "fake: <swap>" in words_of(drawn)


def test_sources_have_styles_of_their_own() -> None:
    """Within a class no two of sixteen sources look alike."""
    items = [Item(Path(f"{n}.png"), "image", "real", f"s{n:02}") for n in range(16)]

    styles = source_styles(items)

    assert len(set(styles.values())) == 16
    assert styles["real", "s08"] == "series-1 hollow"
