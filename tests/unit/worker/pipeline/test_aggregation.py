"""Scores of faces become scores of frames, persons and videos."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.pipeline.aggregation import aggregate, confident_mean, score_frame, top_mean
from worker.pipeline.results import AGGREGATIONS

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def test_a_frame_scores_as_its_highest_face() -> None:
    """One fake face makes a fake frame."""
    assert score_frame([0.1, 0.7, 0.3]) == 0.7


def test_mean_is_the_mean_of_the_frames() -> None:
    """Every frame with a face counts the same."""
    assert aggregate([0.2, 0.4, 0.9], [[0.2, 0.4, 0.9]], "mean") == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0.4], 0.4), ([0.1, 0.9, 0.2, 0.3], 0.9), ([0.1, 0.9, 0.2, 0.3, 0.7], 0.8), ([0.0] * 12 + [1.0, 0.6, 0.8], 0.6)],
)
def test_top_k_is_the_mean_of_the_highest_quarter_rounded_up(scores: list[float], expected: float) -> None:
    """1 to 4 frames: the highest; 5 to 8: two of them; 15: four."""
    assert top_mean(scores) == pytest.approx(expected)


def test_confident_takes_the_sure_fakes_when_they_are_enough() -> None:
    """Twelve sure frames of 29 are more than 11 and more than 40 %."""
    assert confident_mean([0.9] * 12 + [0.1] * 17) == pytest.approx(0.9)


def test_confident_takes_all_when_the_sure_fakes_are_too_few() -> None:
    """Eleven sure frames are one too few, and 12 of 30 are no more than 40 %."""
    assert confident_mean([0.9] * 11 + [0.5] * 5) == pytest.approx(0.775)
    assert confident_mean([0.9] * 12 + [0.4] * 18) == pytest.approx(0.6)


def test_confident_takes_the_sure_reals_when_nearly_all_are() -> None:
    """Ten of eleven frames are more than 90 %; nine of ten are not."""
    assert confident_mean([0.1] * 10 + [0.7]) == pytest.approx(0.1)
    assert confident_mean([0.1] * 9 + [0.7]) == pytest.approx(0.16)


def test_max_track_is_the_worst_person_seen_twice() -> None:
    """A person seen once does not decide where others were seen more often."""
    assert aggregate([0.5], [[0.1, 0.2], [0.6, 0.8], [0.99]], "max-track") == pytest.approx(0.7)
    assert aggregate([0.5], [[0.3], [0.9]], "max-track") == 0.9


def test_a_video_without_a_face_has_no_score() -> None:
    """Nothing is aggregated to nothing: 0.5 would be a lie."""
    with pytest.raises(ValueError, match="no score"):
        aggregate([], [], "mean")
    with pytest.raises(ValueError, match="no score"):
        score_frame([])


def test_an_unknown_aggregation_is_named() -> None:
    """The message says what there is."""
    with pytest.raises(ValueError, match="mean, top-k, confident, max-track, got 'median'"):
        aggregate([0.5], [[0.5]], "median")  # type: ignore[arg-type]  # what a caller without types may give


@given(scores=SCORES)
def test_every_aggregation_lies_between_the_lowest_and_the_highest(scores: list[float]) -> None:
    """An aggregate is no more certain than its frames."""
    for method in AGGREGATIONS:
        assert min(scores) - 1e-12 <= aggregate(scores, [scores], method) <= max(scores) + 1e-12


@given(scores=SCORES)
def test_the_order_of_the_frames_does_not_matter(scores: list[float]) -> None:
    """The same scores give the same number, to the last digit."""
    for method in AGGREGATIONS:
        assert aggregate(scores, [scores], method) == aggregate(scores[::-1], [scores[::-1]], method)


@given(scores=SCORES, chosen=st.integers(0, 10**6), raised=st.floats(0, 1))
def test_a_higher_face_never_lowers_a_score(scores: list[float], chosen: int, raised: float) -> None:
    """Whoever looks faker in one frame makes the video no realer; `confident` may choose other frames then."""
    place = chosen % len(scores)
    higher = [*scores[:place], max(scores[place], raised), *scores[place + 1 :]]

    for method in AGGREGATIONS:
        if method != "confident":
            assert aggregate(higher, [higher], method) >= aggregate(scores, [scores], method) - 1e-12
