"""One ffmpeg that decodes one leap of a plan: raw pictures on one pipe, their times on another."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from worker.pipeline.errors import Reason, TransientError
from worker.pipeline.ffmpeg import Source, decode_command
from worker.pipeline.ffmpeg_process import FfmpegProcess, Watch, widen_pipe
from worker.pipeline.formats import INDEXED_DEMUXERS, demuxer_family
from worker.pipeline.gathering import REORDERED_PICTURES, gathered_keyframes
from worker.pipeline.limits import Limits
from worker.pipeline.open_files import named_when_out
from worker.pipeline.opening import VideoPath, opened_video
from worker.pipeline.results import Frame, Pixels, VideoFacts
from worker.pipeline.sampling import Leap
from worker.pipeline.spawning import FIRST_PASSED
from worker.pipeline.survey import parse_stamp

DEFAULT_INTERVAL_S = 0.04
BEFORE_EVERYTHING_S = -1e9
MAX_LINE_BYTES = 256


@dataclass
class Decoding:
    """What all runs over one video share, and the last words of the latest to end."""

    path: VideoPath
    facts: VideoFacts
    ffmpeg: Path
    limits: Limits
    watch: Watch
    last_words: str = ""
    last_status: int | None = None


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
        self._decoding = decoding
        self._resources = ExitStack()
        self._size = decoded_size(decoding.facts, decoding.limits)
        with ExitStack() as started:
            self._source = started.enter_context(opened_source(decoding, leap))
            with named_when_out():
                stats_fd, child_fd = os.pipe()
            started.callback(os.close, child_fd)
            self._resources.callback(os.close, stats_fd)
            try:
                self._process = self._resources.enter_context(self._start(child_fd))
            except BaseException:
                self._resources.close()
                raise
        self._lines = _LineReader(stats_fd, decoding.watch)
        widen_pipe(self._process.stdout_fd)

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
        self._resources.close()

    def frames(self) -> Iterator[Frame]:
        """The wanted frames, rising in time.

        From the start of the file one more comes first: the video's first picture. It is kept back, and yielded only
        where the next one is so late that the first is what a viewer sees at the first wanted time.
        """
        spare: Frame | None = None
        has_spare = self.leap.from_s is None and not self.leap.only_keyframes
        first_wanted_s = self.leap.wanted_s[0]
        for frame in self._pictures():
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

    def _pictures(self) -> Iterator[Frame]:
        width, height = self._size
        facts = self._decoding.facts
        scale = max(1.0, max(facts.width_px, facts.height_px) / max(width, height))
        for _ in range(self._source.pictures):
            pixels: Pixels = np.empty((height, width, 3), dtype=np.uint8)
            if self._process.read_into(pixels.data.cast("B")) < pixels.nbytes:
                self._note_end()
                return
            # Its time was written before the picture was: it is here.
            stamp = parse_stamp(self._lines.next_line())
            if stamp is not None:
                first_s = self._source.times_s[0] if self._source.times_s else 0.0
                t_s = float(stamp) - self._source.facts.start_s + first_s
                yield Frame(t_s=t_s, pixels=pixels, scale=scale)
        self._decoding.last_words = self._process.stderr_tail

    def _note_end(self) -> None:
        self._decoding.last_status = self._process.finish()
        self._decoding.last_words = self._process.stderr_tail
        if self._decoding.last_status == -signal.SIGKILL:
            detail = "ffmpeg was ended by SIGKILL, as the system does it when memory runs out"
            raise TransientError(Reason.MEMORY_LIMIT, detail)

    def _start(self, stats_fd: int) -> FfmpegProcess:
        decoding, source = self._decoding, self._source
        command = source_command(decoding, source, video_fd=FIRST_PASSED, stats_fd=FIRST_PASSED + 1)
        passed = [source.descriptor, stats_fd]
        return FfmpegProcess(command, pass_fds=passed, limits=decoding.limits, watch=decoding.watch)


def source_command(decoding: Decoding, source: Source, *, video_fd: int, stats_fd: int) -> list[str]:
    """The ffmpeg command that decodes a source."""
    return decode_command(
        decoding.ffmpeg,
        source,
        video_fd=video_fd,
        stats_fd=stats_fd,
        size=decoded_size(decoding.facts, decoding.limits),
        limits=decoding.limits,
    )


def frame_interval_s(facts: VideoFacts) -> float:
    """Seconds between two pictures, on average."""
    return 1 / facts.frame_rate if facts.frame_rate else DEFAULT_INTERVAL_S


def decoded_size(facts: VideoFacts, limits: Limits) -> tuple[int, int]:
    """Width and height of the frames: as displayed, made smaller where the long side is over the limit."""
    longest = max(facts.width_px, facts.height_px)
    factor = min(1.0, limits.decoded_side_px / longest)
    return max(1, round(facts.width_px * factor)), max(1, round(facts.height_px * factor))


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


class _LineReader:
    """Whole lines from a descriptor, under the watch."""

    def __init__(self, descriptor: int, watch: Watch) -> None:
        self._descriptor = descriptor
        self._watch = watch
        self._buffer = b""

    def next_line(self) -> bytes:
        """The next line without its end; what is left at the end of the pipe."""
        while b"\n" not in self._buffer and len(self._buffer) < MAX_LINE_BYTES:
            self._watch.wait_readable(self._descriptor)
            piece = os.read(self._descriptor, 65536)
            if not piece:
                break
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line
