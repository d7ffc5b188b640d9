"""Measures the real timeline of a video whose container does not give it, without decoding a picture."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from worker.pipeline.errors import Reason
from worker.pipeline.ffmpeg import survey_command
from worker.pipeline.ffmpeg_process import FfmpegProcess, Watch
from worker.pipeline.limits import Limits
from worker.pipeline.opening import VideoPath, opened_video
from worker.pipeline.results import VideoFacts
from worker.pipeline.spawning import FIRST_PASSED

READ_BYTES = 65536
_RATIO = re.compile(rb"(\d{1,12})/(\d{1,12})")
NO_STAMP = -(1 << 62)
"""ffmpeg writes an unknown time as the smallest integer there is."""


@dataclass(frozen=True)
class Timeline:
    """What the packets say.

    Args:
        first_s: earliest presentation time.
        last_s: latest presentation time.
        packets: how many packets carry a time.
    """

    first_s: float
    last_s: float
    packets: int


def measure_timeline(
    path: VideoPath, facts: VideoFacts, *, ffmpeg: Path, limits: Limits, watch: Watch
) -> Timeline | None:
    """Read every packet's time, in constant memory; None where no packet has one."""
    with opened_video(path, if_absent=Reason.VANISHED) as video_fd:
        command = survey_command(ffmpeg, facts, video_fd=FIRST_PASSED, limits=limits)
        with FfmpegProcess(command, pass_fds=[video_fd], limits=limits.in_software, watch=watch) as process:
            return _fold_times(process)


def with_timeline(facts: VideoFacts, timeline: Timeline) -> VideoFacts:
    """The facts with the measured start and duration in place of the claimed ones."""
    span_s = timeline.last_s - timeline.first_s
    mean_interval_s = span_s / (timeline.packets - 1) if timeline.packets > 1 else 0.0
    interval_s = 1 / facts.frame_rate if facts.frame_rate else mean_interval_s
    duration_s = span_s + (interval_s or 1.0)
    return replace(facts, start_s=timeline.first_s, duration_s=duration_s)


def _fold_times(process: FfmpegProcess) -> Timeline | None:
    time_base: Fraction | None = None
    first = last = None
    count = 0
    for line in _lines(process):
        if line.startswith(b"#tb 0:"):
            time_base = parse_ratio(line.partition(b":")[2])
        elif (stamp := _packet_stamp(line)) is not None:
            first = stamp if first is None else min(first, stamp)
            last = stamp if last is None else max(last, stamp)
            count += 1
    if first is None or last is None or time_base is None:
        return None
    return Timeline(float(first * time_base), float(last * time_base), count)


def _lines(process: FfmpegProcess) -> Iterator[bytes]:
    buffer = bytearray(READ_BYTES)
    view = memoryview(buffer)
    rest = b""
    while size := process.read_some(view):
        lines = (rest + buffer[:size]).split(b"\n")
        rest = lines.pop()[:READ_BYTES]
        yield from lines


def _packet_stamp(line: bytes) -> int | None:
    """The time of a line "STREAM, DTS, PTS, ..."; decoding time stands in where there is no presentation time."""
    fields = line.split(b",", 3)
    try:
        dts, pts = int(fields[1]), int(fields[2])
    except (IndexError, ValueError):
        return None
    return next((stamp for stamp in (pts, dts) if stamp > NO_STAMP), None)


def parse_ratio(text: bytes) -> Fraction | None:
    """A time base "1/1000", exactly; None where it is none."""
    # Not all that a Fraction can be made of: "1e999999999" would take an hour and all memory.
    match = _RATIO.fullmatch(text.strip())
    return Fraction(int(match[1]), int(match[2])) if match and int(match[2]) else None


def parse_stamp(line: bytes) -> Fraction | None:
    """Seconds of a line "PTS NUMERATOR/DENOMINATOR", exactly; None where ffmpeg knew no time."""
    pts, _, base = line.partition(b" ")
    time_base = parse_ratio(base)
    try:
        stamp = int(pts)
    except ValueError:
        return None
    return stamp * time_base if time_base is not None and stamp > NO_STAMP else None
