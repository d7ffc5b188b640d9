"""Chooses the moments of a video to look at, and the cheapest way to reach them."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from worker.pipeline.decode_cost import decode_cost_s, seek_cost_s
from worker.pipeline.formats import INDEXED_DEMUXERS, demuxer_family
from worker.pipeline.results import VideoFacts

Preset = Literal["fast", "standard", "thorough"]
PRESETS: dict[str, int] = {"fast": 8, "standard": 16, "thorough": 32}
SECONDS_PER_FRAME = 20.0
DEFAULT_MAX_FRAMES = 256

KEYFRAME_REACH = 0.25
"""A wanted time may move to a keyframe within this share of its slice, so gaps stay between 0.5 and 1.5 slices."""
MOVE_WORTH_S = 0.02
"""Decoding seconds that a move to a keyframe must save."""
TRANSPORT_STREAM_GOP_S = 5.0
"""Broadcast streams carry no index, but a keyframe at least this often."""

Way = Literal["auto", "sequential", "seek"]


@dataclass(frozen=True)
class Leap:
    """One run of the decoder: from a place to the last of the wanted times.

    Args:
        from_s: where decoding starts (the keyframe at or before it), or None for the start of the file.
        wanted_s: times to pick, rising, counted from the video's first picture.
    """

    from_s: float | None
    wanted_s: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.wanted_s or list(self.wanted_s) != sorted(self.wanted_s):
            raise ValueError(f"a leap must have rising wanted times, got {self.wanted_s}")


@dataclass(frozen=True)
class DecodePlan:
    """How the chosen pictures are reached.

    Args:
        leaps: in order of time; empty where the duration is unknown and must be measured first.
        frames: how many pictures were asked for.
        max_frames: the most that may be looked at, however long the video.
        step_s: seconds between wanted times, None where the duration is unknown.
    """

    leaps: tuple[Leap, ...]
    frames: int
    max_frames: int
    step_s: float | None

    @property
    def wanted_s(self) -> tuple[float, ...]:
        """Every wanted time, rising."""
        return tuple(t_s for leap in self.leaps for t_s in leap.wanted_s)


def frames_for_preset(preset: str) -> int:
    """How many pictures a preset looks at.

    Raises:
        ValueError: there is no such preset.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}")
    return PRESETS[preset]


def choose_times(
    duration_s: float,
    *,
    frames: int,
    max_frames: int = DEFAULT_MAX_FRAMES,
    seconds_per_frame: float = SECONDS_PER_FRAME,
) -> tuple[float, ...]:
    """The middle of equal slices of the duration: `frames`, more in a long video, at most `max_frames`."""
    if frames < 1 or max_frames < 1:
        raise ValueError(f"frames and max_frames must be positive, got {frames} and {max_frames}")
    if not (math.isfinite(duration_s) and duration_s > 0):
        raise ValueError(f"duration_s must be positive, got {duration_s}")
    count = min(max(frames, math.ceil(duration_s / seconds_per_frame)), max_frames)
    # Middle of each slice: the first and last frames are often black.
    return tuple(duration_s * (index + 0.5) / count for index in range(count))


def plan_decode(
    facts: VideoFacts, *, frames: int, max_frames: int = DEFAULT_MAX_FRAMES, way: Way = "auto"
) -> DecodePlan:
    """Where to decode which pictures; without leaps where the duration has to be measured first.

    Args:
        facts: of the video; with a measured duration once there is one.
        frames: pictures wanted of a short video.
        max_frames: pictures wanted at most.
        way: "sequential" or "seek" force one; "auto" takes the cheaper for every gap.
    """
    if facts.duration_s is None:
        return DecodePlan(leaps=(), frames=frames, max_frames=max_frames, step_s=None)
    wanted = choose_times(facts.duration_s, frames=frames, max_frames=max_frames)
    step_s = facts.duration_s / len(wanted)
    keyframes = seekable_keyframes(facts)
    if way == "sequential" or not keyframes:
        leaps: tuple[Leap, ...] = (Leap(None, wanted),)
    else:
        if way == "auto":
            wanted = move_to_keyframes(wanted, keyframes, facts, step_s=step_s)
        leaps = join_leaps(wanted, keyframes, facts, every_time=way == "seek")
    return DecodePlan(leaps=leaps, frames=frames, max_frames=max_frames, step_s=step_s)


def seekable_keyframes(facts: VideoFacts) -> tuple[float, ...]:
    """Keyframe times to which a seek may be trusted, counted from the first picture; empty for none."""
    family = demuxer_family(facts.container)
    if family in INDEXED_DEMUXERS:
        return tuple(t_s - facts.start_s for t_s in facts.keyframes_s)
    if family == "mpegts" and facts.duration_s:
        steps = int(facts.duration_s / TRANSPORT_STREAM_GOP_S)
        # A seek lands anywhere in a GOP: start one earlier.
        return tuple((step - 1) * TRANSPORT_STREAM_GOP_S for step in range(2, steps + 1))
    return ()


def move_to_keyframes(
    wanted: Sequence[float], keyframes: Sequence[float], facts: VideoFacts, *, step_s: float
) -> tuple[float, ...]:
    """Each wanted time, or the keyframe near it where that saves decoding worth the move."""
    if demuxer_family(facts.container) == "mpegts":
        return tuple(wanted)
    moved: list[float] = []
    for t_s in wanted:
        before = _keyframe_before(keyframes, t_s)
        near = _nearest(keyframes, t_s)
        is_near = abs(near - t_s) <= KEYFRAME_REACH * step_s
        saved_s = decode_cost_s(facts, max(0.0, t_s - before)) - decode_cost_s(facts, 0.0)
        is_new = not moved or near > moved[-1]
        moved.append(near if is_near and is_new and saved_s >= MOVE_WORTH_S else t_s)
    return tuple(moved)


def join_leaps(
    wanted: Sequence[float], keyframes: Sequence[float], facts: VideoFacts, *, every_time: bool = False
) -> tuple[Leap, ...]:
    """Group wanted times: a new leap starts where seeking costs less than decoding on (or at every time)."""
    leaps: list[tuple[float | None, list[float]]] = []
    seek_s = seek_cost_s(facts)
    for t_s in wanted:
        key_s = _keyframe_before(keyframes, t_s)
        by_seek_s = seek_s + decode_cost_s(facts, max(0.0, t_s - key_s))
        reached_s = leaps[-1][1][-1] if leaps else 0.0
        by_decoding_s = decode_cost_s(facts, t_s - reached_s) + (0.0 if leaps else seek_s)
        if leaps and not every_time and (by_decoding_s <= by_seek_s or key_s <= reached_s):
            leaps[-1][1].append(t_s)
        elif not leaps and (key_s <= 0.0 or (by_decoding_s <= by_seek_s and not every_time)):
            leaps.append((None, [t_s]))
        else:
            leaps.append((key_s, [t_s]))
    return tuple(Leap(from_s, tuple(times)) for from_s, times in leaps)


def _keyframe_before(keyframes: Sequence[float], t_s: float) -> float:
    position = bisect_right(keyframes, t_s)
    return keyframes[position - 1] if position else 0.0


def _nearest(keyframes: Sequence[float], t_s: float) -> float:
    position = bisect_right(keyframes, t_s)
    return min(keyframes[max(0, position - 1) : position + 1], key=lambda key_s: abs(key_s - t_s))
