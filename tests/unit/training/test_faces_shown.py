"""Which faces an evaluation shows."""

from tests.unit.training.judged import judged_file
from training.faces_shown import rank_files
from worker.pipeline.calibration import Calibration

SAME = Calibration(slope=1.0, intercept=0.0)


def test_extremes_come_first_on_their_side_of_one_half() -> None:
    """A face is either sure or wrong, by the calibrated score, and farthest from one half comes first."""
    files = [
        judged_file("a", "real", -3.0),
        judged_file("b", "real", -5.0),
        judged_file("c", "real", 2.0),
        judged_file("d", "fake", 4.0),
        judged_file("e", "fake", -1.0),
        judged_file("f", "fake", -2.0),
    ]

    assert rank_files(files, SAME, count=5) == {
        "fake, surely": [3],
        "real, surely": [1, 0],
        "real, taken for fake": [2],
        "fake, taken for real": [5, 4],
    }


def test_the_calibration_decides_what_is_wrong() -> None:
    """With an intercept of 3 a logit of -2 is called fake."""
    files = [judged_file("a", "real", -2.0)]

    assert rank_files(files, Calibration(slope=1.0, intercept=3.0), count=5)["real, taken for fake"] == [0]


def test_one_source_does_not_fill_a_row() -> None:
    """Two of each source first; where there is nothing else, the rest of it."""
    files = [judged_file(str(n), "fake", 9.0 - n, source="loud") for n in range(5)]
    files += [judged_file("quiet", "fake", 1.0, source="quiet")]

    assert rank_files(files, SAME, count=3)["fake, surely"] == [0, 1, 5]
    assert rank_files(files, SAME, count=5)["fake, surely"] == [0, 1, 2, 3, 5]
