"""The moments are evenly spread, and the plan reaches them at the least cost."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.pipeline.decode_cost import GATHER_S, decode_cost_s, seek_cost_s
from worker.pipeline.results import VideoFacts
from worker.pipeline.sampling import Leap, choose_times, frames_for_preset, plan_decode

SHORT = VideoFacts(
    container="mov,mp4,m4a,3gp,3g2,mj2",
    codec="h264",
    width_px=1920,
    height_px=1080,
    rotation_deg=0,
    duration_s=10.0,
    frame_rate=30.0,
    start_s=0.0,
    stream_index=0,
    keyframes_s=(0.0, 8.0),
    file_size_bytes=1_000_000,
)
LONG = replace(SHORT, duration_s=7200.0, keyframes_s=tuple(2.0 * index for index in range(3600)))


def test_presets_are_8_16_and_32() -> None:
    """The three presets look at the documented numbers of frames, and another is refused by name."""
    assert [frames_for_preset(preset) for preset in ("fast", "standard", "thorough")] == [8, 16, 32]
    with pytest.raises(ValueError, match="'slow'"):
        frames_for_preset("slow")


def test_times_are_the_middles_of_equal_slices() -> None:
    """Four frames of eight seconds are at 1, 3, 5 and 7 s."""
    assert choose_times(8.0, frames=4) == (1.0, 3.0, 5.0, 7.0)


@pytest.mark.parametrize(
    ("duration_s", "frames", "max_frames", "count"),
    [(320.0, 16, 256, 16), (321.0, 16, 256, 17), (7200.0, 16, 256, 256), (7200.0, 16, 16, 16), (1.0, 32, 8, 8)],
)
def test_long_videos_get_a_frame_per_20_seconds_up_to_the_cap(
    duration_s: float, frames: int, max_frames: int, count: int
) -> None:
    """The count grows with the duration, and never over the cap."""
    assert len(choose_times(duration_s, frames=frames, max_frames=max_frames)) == count


@pytest.mark.parametrize("duration_s", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_durations_are_refused(duration_s: float) -> None:
    """A duration that is none names its value."""
    with pytest.raises(ValueError, match="duration_s must be positive"):
        choose_times(duration_s, frames=8)


def test_short_video_with_a_long_gop_is_read_in_one_pass() -> None:
    """Where seeking would decode the same pictures again, nothing is sought."""
    plan = plan_decode(SHORT, frames=16)

    assert [leap.from_s for leap in plan.leaps] == [None]


def test_long_video_is_looked_at_in_its_keyframes() -> None:
    """Sixteen frames of two hours are sixteen keyframes, given to one decoder."""
    plan = plan_decode(LONG, frames=16, max_frames=16)

    (leap,) = plan.leaps
    assert leap.only_keyframes
    assert len(leap.wanted_s) == 16
    assert set(leap.wanted_s) <= set(LONG.keyframes_s)


@pytest.mark.parametrize("change", [{"codec": "vvc"}, {"container": "avi"}])
def test_keyframes_that_cannot_be_gathered_are_sought(change: dict[str, str]) -> None:
    """Sixteen seeks, each to a keyframe that is itself taken."""
    plan = plan_decode(replace(LONG, **change), frames=16, max_frames=16)

    assert len(plan.leaps) == 16
    assert all(leap.wanted_s == (leap.from_s,) for leap in plan.leaps)


def test_a_keyframe_alone_is_sought() -> None:
    """Gathering pays for two and more."""
    plan = plan_decode(LONG, frames=1, max_frames=1)

    assert [(leap.from_s, leap.only_keyframes) for leap in plan.leaps] == [(3600.0, False)]


def test_wanted_times_between_keyframes_part_those_that_are_gathered() -> None:
    """A long gap in the index: what lies there is reached by a seek of its own, the rest by two small videos."""
    keyframes = tuple(t_s for t_s in LONG.keyframes_s if not 3200 < t_s < 3600)
    plan = plan_decode(replace(LONG, keyframes_s=keyframes), frames=16, max_frames=16)

    assert [(leap.only_keyframes, len(leap.wanted_s)) for leap in plan.leaps] == [(True, 7), (False, 1), (True, 8)]


def cost_of(leaps: Sequence[Leap], facts: VideoFacts) -> float:
    """What the model says of a plan, counted leap by leap."""
    total_s = 0.0
    for leap in leaps:
        if leap.only_keyframes:
            total_s += seek_cost_s(facts) + len(leap.wanted_s) * (GATHER_S + decode_cost_s(facts, 0.0))
            continue
        reached_s = leap.from_s or 0.0
        total_s += seek_cost_s(facts) + decode_cost_s(facts, max(0.0, leap.wanted_s[0] - reached_s))
        total_s += sum(decode_cost_s(facts, after - before) for before, after in pairwise(leap.wanted_s))
    return total_s


@given(
    duration_s=st.floats(1, 5_000),
    gop_s=st.floats(0.04, 30),
    frames=st.integers(1, 24),
    width_px=st.integers(160, 4000),
)
def test_the_chosen_plan_costs_no_more_than_any_single_way(
    duration_s: float, gop_s: float, frames: int, width_px: int
) -> None:
    """Than decoding all in one go, than a seek for each of the same times, and than any one cut into two."""
    keyframes = tuple(gop_s * index for index in range(int(duration_s / gop_s) + 1))
    facts = replace(LONG, duration_s=duration_s, keyframes_s=keyframes, width_px=width_px)
    plan = plan_decode(facts, frames=frames, max_frames=frames)
    times = plan.wanted_s
    chosen_s = cost_of(plan.leaps, facts) - 1e-9

    starts = [max((key_s for key_s in keyframes if key_s <= t_s), default=0.0) for t_s in times]
    sought = [Leap(from_s, (t_s,)) for from_s, t_s in zip(starts, times, strict=True)]
    assert chosen_s <= cost_of([Leap(None, times)], facts)
    # A keyframe alone is sought, which the model counts as if it were gathered.
    assert chosen_s <= cost_of(sought, facts) + GATHER_S * len(times)
    for cut in range(1, len(times)):
        two = [Leap(None, times[:cut]), Leap(starts[cut], times[cut:])]
        assert chosen_s <= cost_of(two, facts) + GATHER_S * len(times)


def test_unknown_duration_is_left_to_be_measured() -> None:
    """Without a duration there are no leaps yet, but what was asked for is kept."""
    plan = plan_decode(replace(SHORT, duration_s=None, keyframes_s=()), frames=16, max_frames=99)

    assert plan.leaps == ()
    assert (plan.frames, plan.max_frames) == (16, 99)


def test_container_without_index_is_read_in_one_pass() -> None:
    """Keyframe times are trusted only where an index gives them."""
    plan = plan_decode(replace(LONG, container="mpeg"), frames=16)

    assert [leap.from_s for leap in plan.leaps] == [None]


@given(
    duration_s=st.floats(0.01, 50_000),
    gop_s=st.floats(0.02, 400),
    frames=st.integers(1, 64),
    max_frames=st.integers(1, 300),
    width_px=st.integers(16, 8000),
    way=st.sampled_from(["auto", "sequential", "seek"]),
)
def test_any_plan_is_even_and_in_order(
    duration_s: float, gop_s: float, frames: int, max_frames: int, width_px: int, way: str
) -> None:
    """Whatever the video: as many times as due, each within a quarter slice of its middle, keyframe first."""
    keyframes = tuple(gop_s * index for index in range(min(5000, int(duration_s / gop_s) + 1)))
    facts = replace(LONG, duration_s=duration_s, keyframes_s=keyframes, width_px=width_px)
    plan = plan_decode(facts, frames=frames, max_frames=max_frames, way=way)
    middles = choose_times(duration_s, frames=frames, max_frames=max_frames)

    assert len(plan.wanted_s) == len(middles)
    assert all(before < after for before, after in zip(plan.wanted_s, plan.wanted_s[1:], strict=False))
    step_s = duration_s / len(middles)
    assert all(abs(t - m) <= 0.2501 * step_s for t, m in zip(plan.wanted_s, middles, strict=True))
    assert all(leap.from_s is None or leap.from_s <= leap.wanted_s[0] for leap in plan.leaps)


@given(
    duration_s=st.floats(0.01, 50_000),
    frames=st.integers(1, 64),
    max_frames=st.integers(1, 300),
    keyframes=st.lists(st.floats(-10, 60_000), max_size=200),
    way=st.sampled_from(["auto", "sequential", "seek"]),
)
def test_any_index_makes_a_plan_within_the_video(
    duration_s: float, frames: int, max_frames: int, keyframes: list[float], way: str
) -> None:
    """An index may be out of order, doubled, negative or beyond the end: no time outside is wanted, none too many."""
    facts = replace(LONG, duration_s=duration_s, keyframes_s=tuple(keyframes))
    plan = plan_decode(facts, frames=frames, max_frames=max_frames, way=way)

    assert 1 <= len(plan.wanted_s) <= max_frames
    assert all(0 <= wanted_s <= duration_s for wanted_s in plan.wanted_s)
    assert list(plan.wanted_s) == sorted(plan.wanted_s)
