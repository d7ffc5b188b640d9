"""Rates, waits and options are arithmetic."""

import pytest

from scheduler.follow import RateMeter
from scheduler.reconcile import pause_after_failures
from scheduler.submission import SubmitOptions


def test_rate_is_that_of_the_window() -> None:
    """What happened before the window no longer counts."""
    meter = RateMeter(window_s=10)
    for moment_s, count in ((0, 0), (10, 100), (20, 110), (30, 120)):
        meter.add(moment_s, count)

    assert meter.rate_per_s == 1.0
    assert meter.eta_s(60) == 60.0


def test_rate_is_unknown_before_two_looks() -> None:
    """Nobody guesses: no rate, no time left."""
    meter = RateMeter()
    assert (meter.rate_per_s, meter.eta_s(5)) == (None, None)
    meter.add(1.0, 0)
    assert meter.rate_per_s is None
    meter.add(2.0, 0)
    assert (meter.rate_per_s, meter.eta_s(5), meter.eta_s(0)) == (0.0, None, 0.0)


def test_a_slow_batch_keeps_its_rate() -> None:
    """Where a video takes longer than the window, earlier ones still tell the pace."""
    meter = RateMeter(window_s=60)
    for moment_s in range(0, 1801, 5):
        meter.add(float(moment_s), moment_s // 600)

    assert meter.rate_per_s == 3 / 1800
    assert meter.eta_s(2) == 1200.0


def test_looking_often_costs_no_memory() -> None:
    """Any number of looks without news leaves two."""
    meter = RateMeter()
    for moment_s in range(1000):
        meter.add(float(moment_s), 7)

    assert len(meter._looks) == 2


def test_pauses_grow_to_a_limit() -> None:
    """A broker that stays away is asked less and less often, but at least twice a minute."""
    assert [pause_after_failures(failures) for failures in (0, 1, 2, 5, 5000)] == [1.0, 2.0, 4.0, 30.0, 30.0]


@pytest.mark.parametrize(("frames", "max_frames"), [(0, 256), (-1, 256), (300, 256)])
def test_impossible_frame_counts_are_refused(frames: int, max_frames: int) -> None:
    """A scan looks at one frame at least and at `max_frames` at most."""
    with pytest.raises(ValueError, match="frames must lie between"):
        SubmitOptions(preset="standard", frames=frames, max_frames=max_frames)


def test_unknown_priority_is_refused() -> None:
    """There are two queues."""
    with pytest.raises(ValueError, match="interactive or bulk, got 'urgent'"):
        SubmitOptions(preset="standard", frames=16, priority="urgent")
