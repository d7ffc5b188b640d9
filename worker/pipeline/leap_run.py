"""One decoder for one leap of a plan, and which of its pictures are wanted."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Self

from worker.pipeline.errors import Reason
from worker.pipeline.ffmpeg import Source
from worker.pipeline.formats import INDEXED_DEMUXERS, demuxer_family
from worker.pipeline.gathering import REORDERED_PICTURES, gathered_keyframes
from worker.pipeline.hardware_run import start_run
from worker.pipeline.opening import opened_video
from worker.pipeline.picture_run import Decoding
from worker.pipeline.results import Frame, VideoFacts
from worker.pipeline.sampling import Leap

DEFAULT_INTERVAL_S = 0.04
BEFORE_EVERYTHING_S = -1e9


class CannotGatherError(Exception):
    """The keyframes of a leap could not be gathered: seek each of them."""


@contextmanager
def opened_source(decoding: Decoding, leap: Leap) -> Iterator[Source]:
    """The video itself for a leap, or a small one of its keyframes.

    Raises:
        CannotGatherError: the keyframes could not be gathered; the video itself is untouched by that.
        UnreadableVideoError: the file is gone.
        TransientError: the machine could not look.
    """
    facts = decoding.facts
    if not leap.only_keyframes:
        with opened_video(decoding.path, if_absent=Reason.VANISHED) as descriptor:
            picks = tuple(_thresholds(facts, leap))
            yield Source(descriptor, facts, _seek_target(facts, leap), picks, len(picks))
        return
    interval_s = frame_interval_s(facts)
    decoding.watch.check()
    left_s = max(0.0, decoding.watch.deadline - time.monotonic())
    limits = replace(decoding.limits, probe_time_limit_s=min(decoding.limits.probe_time_limit_s, left_s))
    with gathered_keyframes(decoding.path, facts, leap.wanted_s, interval_s=interval_s, limits=limits) as gathered:
        if gathered is None:
            raise CannotGatherError
        of_file = replace(facts, container="mov", stream_index=0, start_s=0.0, keyframes_s=())
        yield Source(gathered.descriptor, of_file, None, None, len(gathered.times_s), gathered.times_s)


class LeapRun:
    """A started decoder for one leap; a context manager that leaves no process and no descriptor.

    Raises:
        CannotGatherError: the leap is one among keyframes, and they could not be gathered.
    """

    def __init__(self, decoding: Decoding, leap: Leap) -> None:
        self.leap = leap
        self.interval_s = frame_interval_s(decoding.facts)
        with opened_source(decoding, leap) as self._source:
            self._run = start_run(decoding, self._source)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rest(self, taken: int) -> tuple[Leap, ...]:
        """How to reach what is left of a leap among keyframes: the same way where it went well as far as it went."""
        left = self.leap.wanted_s[taken:]
        if taken == len(self._source.times_s) and len(left) > 1:
            return (Leap(left[0], left, only_keyframes=True),)
        return self.leap.apart(taken)

    @property
    def gathered_s(self) -> tuple[float, ...]:
        """The times of the pictures that come; of a leap among keyframes only."""
        return self._source.times_s

    def close(self) -> None:
        """Kill what still runs."""
        self._run.close()

    def frames(self) -> Iterator[Frame]:
        """The wanted frames, rising in time.

        From the start of the file one more comes first: the video's first picture. It is kept back, and yielded only
        where the next one is so late that the first is what a viewer sees at the first wanted time.
        """
        spare: Frame | None = None
        has_spare = self.leap.from_s is None and not self.leap.only_keyframes
        first_wanted_s = self.leap.wanted_s[0]
        for frame in self._run.pictures():
            if has_spare:
                has_spare = False
                if frame.t_s < first_wanted_s - self.interval_s / 2:
                    spare = frame
                    continue
            if spare is not None and _is_nearer(spare.t_s, frame.t_s, first_wanted_s):
                yield spare
            spare = None
            yield frame
        if spare is not None:
            yield spare


def frame_interval_s(facts: VideoFacts) -> float:
    """Seconds between two pictures, on average."""
    return 1 / facts.frame_rate if facts.frame_rate else DEFAULT_INTERVAL_S


def _thresholds(facts: VideoFacts, leap: Leap) -> list[float]:
    half_s = frame_interval_s(facts) / 2
    times = [facts.start_s + t_s - half_s for t_s in leap.wanted_s]
    return [BEFORE_EVERYTHING_S, *times] if leap.from_s is None else times


def _seek_target(facts: VideoFacts, leap: Leap) -> float | None:
    if leap.from_s is None:
        return None
    if demuxer_family(facts.container) not in INDEXED_DEMUXERS:
        return facts.start_s + leap.from_s
    first_wanted_s, interval_s = leap.wanted_s[0], frame_interval_s(facts)
    if leap.from_s == first_wanted_s:
        # A little late, so that rounding cannot turn away from a keyframe that is itself wanted.
        return facts.start_s + first_wanted_s + interval_s / 4
    return facts.start_s + first_wanted_s - REORDERED_PICTURES * interval_s


def _is_nearer(one_s: float, other_s: float, wanted_s: float) -> bool:
    return abs(one_s - wanted_s) < abs(other_s - wanted_s)
