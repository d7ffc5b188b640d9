"""The gate lets through what is no worse within its margins, and nothing else."""

import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from training.errors import TrainingError
from training.gate import Comparison, FileScore, compare_scores
from training.margins import Margins

Change = Callable[[int, float], float]


def scores(
    change: Change = lambda _, score: score, *, count: int = 40, kind: str = "image", fake_from: float = 0.8
) -> list[FileScore]:
    """`count` real files with scores 0.01 .. 0.49 and as many fake ones with 0.51 .. 0.99, each changed."""
    found = []
    for number in range(2 * count):
        is_fake = number >= count
        place = number - count if is_fake else number
        base = 0.01 + 0.48 * place / (count - 1) + (0.5 if is_fake else 0.0)
        score = change(number, base)
        found.append(FileScore(f"{kind}-{number:04}", kind, is_fake, number, score, score >= fake_from))
    return found


def faults(comparison: Comparison) -> dict[str, str]:
    """What did not pass, by kind and figure."""
    return {f"{check.kind} {check.figure}": check.fault for check in comparison.checks if check.fault}


def swapped(pairs: int) -> Change:
    """The highest real files get the scores of the lowest fakes and the other way round."""

    def change(number: int, score: float) -> float:
        return 1 - score if 40 - pairs <= number < 40 + pairs else score

    return change


def test_the_same_scores_pass() -> None:
    """A classifier is no worse than itself, and every change is exactly nothing."""
    comparison = compare_scores(scores(), scores(), margins=Margins())

    assert comparison.is_passed
    assert [check.figure for check in comparison.checks] == [
        "auc",
        "balanced_accuracy",
        "calibration_error",
        "fakes_called",
        "false_alarms",
    ]
    assert {check.change for check in comparison.checks} == {0.0}
    assert {check.interval for check in comparison.checks} == {(0.0, 0.0)}
    assert comparison.examples == {"image": {"real": 40, "fake": 40}, "video": {"real": 0, "fake": 0}}


def test_a_better_one_passes() -> None:
    """What was wrong with the active classifier may be right with the new one."""
    comparison = compare_scores(scores(swapped(8)), scores(), margins=Margins())

    assert comparison.is_passed
    assert comparison.checks[0].candidate == 1.0


def test_a_worse_one_does_not() -> None:
    """Eight files of each class on the wrong side fail ranking and decisions."""
    comparison = compare_scores(scores(), scores(swapped(8)), margins=Margins())

    assert not comparison.is_passed
    assert faults(comparison)["image auc"] == "worse"
    assert faults(comparison)["image balanced_accuracy"] == "worse"
    auc = comparison.checks[0]
    assert auc.active == 1.0
    # 8 x 8 of the 40 x 40 pairs are turned about.
    assert auc.candidate == pytest.approx(1 - 64 / 1600)
    assert auc.interval[0] < auc.change < auc.interval[1] < 0


def test_one_example_is_no_proof() -> None:
    """A margin finer than what one file moves would refuse by chance, so the file's share is the least margin."""
    comparison = compare_scores(scores(), scores(swapped(1)), margins=Margins({"balanced_accuracy": 0.0, "auc": 0.0}))

    accuracy = next(check for check in comparison.checks if check.figure == "balanced_accuracy")
    assert accuracy.change == pytest.approx(-0.025)
    assert accuracy.allowed == 0.0125
    assert faults(comparison) == {"image balanced_accuracy": "worse, or the set is too small to tell"}


def test_a_stated_margin_allows_more() -> None:
    """The same fall passes once its margins are wide enough."""
    wide = Margins({"auc": 0.05, "balanced_accuracy": 0.25, "calibration_error": 0.5})

    assert compare_scores(scores(), scores(swapped(8)), margins=wide).is_passed


def test_verdicts_count_too() -> None:
    """A classifier that ranks as well but calls nothing fake any more is worse."""
    silent = compare_scores(scores(), scores(fake_from=1.0), margins=Margins())
    loud = compare_scores(scores(), scores(fake_from=0.4), margins=Margins())

    assert faults(silent) == {"image fakes_called": "worse"}
    assert faults(loud) == {"image false_alarms": "worse"}


def test_calibration_counts_too() -> None:
    """The same ranking with scores pressed to the middle is worse calibrated."""
    flat = compare_scores(
        scores(fake_from=0.6), scores(lambda _, score: 0.4 + score / 5, fake_from=0.52), margins=Margins()
    )

    assert "image calibration_error" in faults(flat)
    assert "image auc" not in faults(flat)


def test_a_sure_fall_within_the_default_margin_is_refused() -> None:
    """Many small falls would add up; whoever states the margin is taken at his word."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.2, 2000)

    def active(number: int, score: float) -> float:
        return float(np.clip(score + noise[number], 0, 1))

    def candidate(number: int, score: float) -> float:
        return active(number, score - 0.06 if number >= 1000 and number % 7 == 0 else score)

    before, after = scores(active, count=1000), scores(candidate, count=1000)
    loose = {"fakes_called": 1.0, "calibration_error": 1.0}

    refused = compare_scores(before, after, margins=Margins(loose))
    allowed = compare_scores(before, after, margins=Margins({**loose, "auc": 0.01}))

    assert -0.01 < refused.checks[0].change < 0
    assert faults(refused) == {"image auc": "surely worse, if little"}
    assert faults(allowed) == {}
    assert any(check.figure == "tpr_at_5_fpr" for check in refused.checks)


def test_pictures_and_videos_are_judged_apart() -> None:
    """Good pictures do not make up for bad videos."""
    before = scores() + scores(kind="video")
    after = scores() + scores(swapped(8), kind="video")

    comparison = compare_scores(before, after, margins=Margins())

    assert {name.split()[0] for name in faults(comparison)} == {"video"}


def test_footage_is_drawn_together() -> None:
    """Clips of one footage are one draw, so that the interval of the change is wider than with clips alone."""
    lone = scores(kind="video")
    joined = [FileScore(**{**one.to_json(), "group": one.group // 8}) for one in lone]
    after = scores(swapped(8), kind="video")

    widths = []
    for before in (lone, joined):
        low, high = compare_scores(before, after, margins=Margins()).checks[0].interval
        widths.append(high - low)

    assert widths[1] > 1.5 * widths[0]


def test_only_common_files_are_compared() -> None:
    """What one of both has not judged is left out of both sides and counted."""
    comparison = compare_scores(scores(), scores()[3:], margins=Margins())

    assert comparison.left_out == 3
    assert comparison.examples["image"] == {"real": 37, "fake": 40}


def test_too_few_files_decide_nothing() -> None:
    """Nine of a class are no examination."""
    with pytest.raises(TrainingError, match="nothing can be compared"):
        compare_scores(scores(count=9), scores(count=9), margins=Margins())


def test_the_comparison_is_kept_as_json() -> None:
    """Without NaN, which no database and no reader of JSON knows."""
    told = compare_scores(scores(), scores(swapped(8)), margins=Margins({"auc": 0.02})).to_json()

    assert told["is_passed"] is False
    assert told["margins"]["auc"] == 0.02
    assert told["checks"][0]["figure"] == "auc"
    assert told["checks"][0]["candidate"] == 0.96
    assert not any(isinstance(value, float) and math.isnan(value) for value in told["checks"][0]["interval"])


def test_scores_survive_the_database() -> None:
    """What was read is what was written."""
    one = scores()[3]

    assert FileScore.from_json(one.to_json()) == one


def test_the_gate_needs_no_training_engine() -> None:
    """Whoever activates a classifier judges on the processor: TensorFlow and Keras stay where they are."""
    program = "import sys, training.examination, training.freezing, training.reviews; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert {"tensorflow", "keras", "jax", "torch"} & set(done.stdout.split()) == set()


def test_wrong_margins_are_named() -> None:
    """A figure that nobody knows, and a margin out of range, are refused with what is known."""
    with pytest.raises(ValueError, match="no margin for 'speed', only for auc"):
        Margins({"speed": 0.1})
    with pytest.raises(ValueError, match="margin of auc must lie between 0 and 1, got 2"):
        Margins({"auc": 2.0})
