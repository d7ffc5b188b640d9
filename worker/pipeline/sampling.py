"""Chooses the moments of a video to look at, and the cheapest way to reach them."""

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from worker.pipeline.decode_cost import GATHER_S, decode_cost_s, seek_cost_s
from worker.pipeline.formats import GATHERED_CODECS, GATHERED_DEMUXERS, INDEXED_DEMUXERS, demuxer_family
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

GATHERED_MOST = 32
"""Keyframes that one decoder is given at once: it starts when all of them are read."""

Way = Literal["auto", "sequential", "seek", "keyframes"]


@dataclass(frozen=True)
class Leap:
    """One run of the decoder: from a place to the last of the wanted times.

    Args:
        from_s: where decoding starts (the keyframe at or before it), or None for the start of the file.
        wanted_s: times to pick, rising, counted from the video's first picture.
        only_keyframes: whether each of the times is a keyframe's, and nothing that lies between is decoded or read.
    """

    from_s: float | None
    wanted_s: tuple[float, ...]
    only_keyframes: bool = False

    def __post_init__(self) -> None:
        if not self.wanted_s or list(self.wanted_s) != sorted(self.wanted_s):
            raise ValueError(f"a leap must have rising wanted times, got {self.wanted_s}")

    def apart(self, first: int = 0) -> tuple["Leap", ...]:
        """A leap of its own for each of the times, from the number `first` on, each from its keyframe."""
        return tuple(Leap(t_s, (t_s,)) for t_s in self.wanted_s[first:])


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
        way: "sequential", "seek" (every time by itself) or "keyframes" (those nearest to the times, where there are
            any) force one; "auto" takes what costs least.
    """
    if facts.duration_s is None:
        return DecodePlan(leaps=(), frames=frames, max_frames=max_frames, step_s=None)
    wanted = choose_times(facts.duration_s, frames=frames, max_frames=max_frames)
    step_s = facts.duration_s / len(wanted)
    keyframes = seekable_keyframes(facts)
    if way == "sequential" or not keyframes:
        leaps: tuple[Leap, ...] = (Leap(None, wanted),)
    elif way == "seek":
        leaps = _sought(wanted, keyframes)
    elif way == "keyframes":
        nearest = sorted({_nearest(keyframes, t_s) for t_s in wanted})
        leaps = _gathered(nearest) if can_gather(facts) else _sought(nearest, keyframes)
    else:
        leaps = join_leaps(move_to_keyframes(wanted, keyframes, facts, step_s=step_s), keyframes, facts)
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


def join_leaps(wanted: Sequence[float], keyframes: Sequence[float], facts: VideoFacts) -> tuple[Leap, ...]:
    """The leaps that cost least together: from each time to the next by decoding on, by seeking, or among keyframes.

    Dynamic programming over the times: the cheapest way to each of them by a decoder that goes on, and by one that
    is given keyframes alone.
    """
    seek_s, one_picture_s = seek_cost_s(facts), decode_cost_s(facts, 0.0)
    are_gathered = can_gather(facts)
    on: _Way = _Way(seek_s + decode_cost_s(facts, wanted[0]), None, starts=True, from_s=None)
    among: _Way | None = None
    for number, t_s in enumerate(wanted):
        key_s = _keyframe_before(keyframes, t_s)
        before = _cheaper(on, among) if number else None
        so_far_s = before.cost_s if before else 0.0
        from_key_s = decode_cost_s(facts, max(0.0, t_s - key_s))
        by_seek = _Way(so_far_s + seek_s + from_key_s, before, starts=True, from_s=key_s)
        if number:
            by_decoding = _Way(on.cost_s + decode_cost_s(facts, t_s - wanted[number - 1]), on, from_s=on.from_s)
        else:
            by_decoding = on
        is_from_start = not number and key_s <= 0.0
        started = _Way(so_far_s + seek_s + GATHER_S + one_picture_s, before, starts=True, only_keyframes=True)
        went_on = among and _Way(among.cost_s + GATHER_S + one_picture_s, among, only_keyframes=True)
        on = by_decoding if is_from_start else _cheaper(by_decoding, by_seek)
        among = _cheaper(started, went_on) if are_gathered and key_s == t_s else None
    return _leaps_of(_cheaper(on, among), wanted)


@dataclass(frozen=True)
class _Way:
    """The cheapest way to a time: its cost up to there, and the way to the time before."""

    cost_s: float
    before: "_Way | None"
    starts: bool = False
    from_s: float | None = None
    only_keyframes: bool = False


def _cheaper(one: _Way, other: _Way | None) -> _Way:
    return one if other is None or one.cost_s <= other.cost_s else other


def _leaps_of(last: _Way, wanted: Sequence[float]) -> tuple[Leap, ...]:
    leaps: deque[Leap] = deque()
    times: deque[float] = deque()
    way: _Way | None = last
    for t_s in reversed(wanted):
        assert way is not None  # noqa: S101 - for the type checker
        times.appendleft(t_s)
        if way.starts:
            found = _gathered(times) if way.only_keyframes else (Leap(way.from_s, tuple(times)),)
            leaps.extendleft(reversed(found))
            times.clear()
        way = way.before
    return tuple(leaps)


def can_gather(facts: VideoFacts) -> bool:
    """Whether keyframes of this container and codec can stand in a small video of their own."""
    return facts.codec in GATHERED_CODECS and demuxer_family(facts.container) in GATHERED_DEMUXERS


def _sought(wanted: Sequence[float], keyframes: Sequence[float]) -> tuple[Leap, ...]:
    """A leap for each time; the first from the start of the file where no keyframe lies between."""
    starts: list[float | None] = [_keyframe_before(keyframes, t_s) for t_s in wanted]
    if starts[0] is not None and starts[0] <= 0.0:
        starts[0] = None
    return tuple(Leap(from_s, (t_s,)) for from_s, t_s in zip(starts, wanted, strict=True))


def _gathered(times_s: Iterable[float]) -> tuple[Leap, ...]:
    """Leaps among keyframes, none with too many; a single keyframe is sought."""
    every = tuple(times_s)
    parts = [every[start : start + GATHERED_MOST] for start in range(0, len(every), GATHERED_MOST)]
    return tuple(Leap(part[0], part, only_keyframes=len(part) > 1) for part in parts)


def _keyframe_before(keyframes: Sequence[float], t_s: float) -> float:
    position = bisect_right(keyframes, t_s)
    return keyframes[position - 1] if position else 0.0


def _nearest(keyframes: Sequence[float], t_s: float) -> float:
    position = bisect_right(keyframes, t_s)
    return min(keyframes[max(0, position - 1) : position + 1], key=lambda key_s: abs(key_s - t_s))
