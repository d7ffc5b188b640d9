"""Measures the real timeline of a video whose container does not give it, without decoding a picture."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from worker.pipeline.errors import Reason
from worker.pipeline.ffmpeg import survey_command
from worker.pipeline.ffmpeg_process import FfmpegProcess, Watch
from worker.pipeline.limits import Limits
from worker.pipeline.opening import VideoPath, opened_video
from worker.pipeline.results import VideoFacts

READ_BYTES = 65536


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
        command = survey_command(ffmpeg, facts, video_fd=video_fd, limits=limits)
        with FfmpegProcess(command, pass_fds=[video_fd], limits=limits, watch=watch) as process:
            return _fold_times(process)


def with_timeline(facts: VideoFacts, timeline: Timeline) -> VideoFacts:
    """The facts with the measured start and duration in place of the claimed ones."""
    span_s = timeline.last_s - timeline.first_s
    mean_interval_s = span_s / (timeline.packets - 1) if timeline.packets > 1 else 0.0
    interval_s = 1 / facts.frame_rate if facts.frame_rate else mean_interval_s
    duration_s = span_s + (interval_s or 1.0)
    return replace(facts, start_s=timeline.first_s, duration_s=duration_s)


def _fold_times(process: FfmpegProcess) -> Timeline | None:
    first = last = None
    count = 0
    rest = b""
    buffer = bytearray(READ_BYTES)
    view = memoryview(buffer)
    while size := process.read_into(view):
        lines = (rest + buffer[:size]).split(b"\n")
        rest = lines.pop()
        for line in lines:
            stamp_s = parse_stamp(line)
            if stamp_s is not None:
                first = stamp_s if first is None else min(first, stamp_s)
                last = stamp_s if last is None else max(last, stamp_s)
                count += 1
    return None if first is None or last is None else Timeline(float(first), float(last), count)


def parse_stamp(line: bytes) -> Fraction | None:
    """Seconds of a line "PTS NUMERATOR/DENOMINATOR", exactly; None where ffmpeg knew no time."""
    try:
        pts, time_base = line.split()
        numerator, denominator = time_base.split(b"/")
        return Fraction(int(pts) * int(numerator), int(denominator)) if abs(int(pts)) < 1 << 62 else None
    except (ValueError, ZeroDivisionError):
        return None
