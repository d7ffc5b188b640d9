"""Yields the planned pictures of a video, upright and small, each with its own time."""

import contextlib
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from worker.pipeline.errors import Reason, UnreadableVideoError
from worker.pipeline.ffmpeg_health import printable_tail, require_working
from worker.pipeline.ffmpeg_process import Watch
from worker.pipeline.leap_run import CannotGatherError, LeapRun, frame_interval_s
from worker.pipeline.limits import Limits
from worker.pipeline.opening import VideoPath
from worker.pipeline.picture_run import Decoding
from worker.pipeline.results import Frame, VideoFacts
from worker.pipeline.sampling import DecodePlan, Leap, plan_decode
from worker.pipeline.survey import measure_timeline, with_timeline

TRUNCATED = "truncated"
RUNS_AHEAD = 1
"""Decoders started before their turn, so that the next pictures are ready when they are wanted."""
CLAIM_TOLERANCE = 1.1
"""A header that claims more than this times what was found belongs to a file that was cut off."""

_DEFAULT_LIMITS = Limits()
_CUT_OFF_MESSAGES = ("partial file", "ended prematurely", "Truncating packet", "truncated")
# The second: no room for the stack of a thread.
_NO_MEMORY_MESSAGES = ("Cannot allocate memory", "Resource temporarily unavailable")
_NO_DECODER_MESSAGES = (
    "Decoder not found",
    "no decoder found",
    "Decoding requested, but no decoder",
    "not implemented",
)


@dataclass
class DecodeReport:
    """What was learned on the way; filled while the frames are taken.

    Args:
        warnings: codes in order of appearance, each once.
        duration_s: the measured duration, where the container's own could not be trusted.
        fell_back: whether keyframes could not be gathered and were sought one by one, or a seek went astray and the
            rest was read in sequence.
    """

    warnings: list[str] = field(default_factory=list)
    duration_s: float | None = None
    fell_back: bool = False

    def warn(self, code: str) -> None:
        """Note a code once."""
        if code not in self.warnings:
            self.warnings.append(code)


def decode_frames(
    path: VideoPath,
    facts: VideoFacts,
    plan: DecodePlan,
    *,
    ffmpeg: Path,
    limits: Limits = _DEFAULT_LIMITS,
    deadline: float | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    report: DecodeReport | None = None,
) -> Iterator[Frame]:
    """The frames of a plan, rising in time; nothing runs on when the generator is closed.

    Args:
        path: of the video.
        facts: from the probe.
        plan: from `plan_decode`.
        ffmpeg: the binary.
        limits: of each ffmpeg.
        deadline: by `time.monotonic()`; `limits.time_limit_s` from now where None.
        should_stop: asked a few times a second.
        report: filled with what was found.

    Raises:
        UnreadableVideoError: not one picture could be decoded, or the time is up.
        TransientError: the machine could not decode.
        ScanStoppedError: `should_stop` said so.
    """
    report = DecodeReport() if report is None else report
    watch = Watch(time.monotonic() + limits.time_limit_s if deadline is None else deadline, should_stop)
    if facts.is_cut_off:
        report.warn(TRUNCATED)
    if not plan.leaps:
        facts, plan = _measure(path, facts, plan, ffmpeg=ffmpeg, limits=limits, watch=watch, report=report)
    decoding = Decoding(path=path, facts=facts, ffmpeg=ffmpeg, limits=limits, watch=watch)
    last_s: float | None = None
    with contextlib.closing(_follow(decoding, plan, report)) as frames:
        for frame in frames:
            # Two leaps may meet at one picture.
            if last_s is None or frame.t_s > last_s:
                last_s = frame.t_s
                yield frame
    if last_s is None:
        raise _no_picture(decoding)
    _look_for_missing_end(decoding, plan, last_s, report)


def _measure(
    path: VideoPath,
    facts: VideoFacts,
    plan: DecodePlan,
    *,
    ffmpeg: Path,
    limits: Limits,
    watch: Watch,
    report: DecodeReport,
) -> tuple[VideoFacts, DecodePlan]:
    timeline = measure_timeline(path, facts, ffmpeg=ffmpeg, limits=limits, watch=watch)
    if timeline is None:
        return facts, DecodePlan((Leap(None, (0.0,)),), plan.frames, plan.max_frames, step_s=None)
    facts = with_timeline(facts, timeline)
    report.duration_s = facts.duration_s
    duration_s = facts.duration_s or 0.0
    if duration_s > limits.max_duration_s:
        detail = f"it lasts {duration_s:.0f} s; the limit is {limits.max_duration_s:.0f} s"
        raise UnreadableVideoError(Reason.TOO_LONG, detail)
    if facts.claimed_duration_s and facts.claimed_duration_s > CLAIM_TOLERANCE * duration_s + 1:
        report.warn(TRUNCATED)
    return facts, plan_decode(facts, frames=plan.frames, max_frames=plan.max_frames, way="sequential")


def _follow(decoding: Decoding, plan: DecodePlan, report: DecodeReport) -> Generator[Frame, None, None]:
    """Run the leaps, the next one started ahead; where a seek goes astray, read the rest in sequence."""
    waiting: deque[LeapRun] = deque()
    leaps = deque(plan.leaps)
    try:
        while leaps or waiting:
            while leaps and len(waiting) <= RUNS_AHEAD:
                leap = leaps.popleft()
                try:
                    waiting.append(LeapRun(decoding, leap))
                except CannotGatherError:
                    report.fell_back = True
                    # What failed once would fail for each that follows, and takes its time to.
                    leaps = deque(part for one in (leap, *leaps) for part in _apart(one))
            run = waiting.popleft()
            with run:
                if run.leap.only_keyframes:
                    taken = yield from _take_keyframes(run)
                    if taken < len(run.leap.wanted_s):
                        report.fell_back |= taken < len(run.gathered_s)
                        later = [ahead.leap for ahead in waiting]
                        _close(waiting)
                        leaps.extendleft(reversed([*run.rest(taken), *later]))
                    continue
                is_astray = yield from _take(run, plan)
            if is_astray and run.leap.from_s is not None:
                rest = [*run.leap.wanted_s, *(t for ahead in waiting for t in ahead.leap.wanted_s)]
                rest += [t for leap in leaps for t in leap.wanted_s]
                report.fell_back = True
                _close(waiting)
                leaps = deque([Leap(None, tuple(rest))])
    finally:
        _close(waiting)


def _apart(leap: Leap) -> tuple[Leap, ...]:
    return leap.apart() if leap.only_keyframes else (leap,)


def _take(run: LeapRun, plan: DecodePlan) -> Generator[Frame, None, bool]:
    """Yield a run's frames; the return value says whether the seek missed its first wanted time."""
    first = True
    slack_s = (plan.step_s or 0.0) / 2 + run.interval_s
    for frame in run.frames():
        if first and run.leap.from_s is not None and frame.t_s > run.leap.wanted_s[0] + slack_s:
            return True
        first = False
        yield frame
    return first


def _take_keyframes(run: LeapRun) -> Generator[Frame, None, int]:
    """Yield the pictures of a run among keyframes while they are those that were gathered; how many were."""
    taken = 0
    for frame in run.frames():
        if abs(frame.t_s - run.gathered_s[taken]) > run.interval_s / 2:
            break
        taken += 1
        yield frame
    return taken


def _close(runs: deque[LeapRun]) -> None:
    while runs:
        runs.popleft().close()


def _no_picture(decoding: Decoding) -> UnreadableVideoError:
    words = decoding.last_words
    ending = printable_tail(words, limit=200) or "ffmpeg said nothing"
    if decoding.last_status:
        require_working(decoding.ffmpeg, limits=decoding.limits, watch=decoding.watch)
    if any(message in words for message in _NO_MEMORY_MESSAGES):
        detail = f"decoding needs more than {decoding.limits.memory_bytes} bytes of memory"
        return UnreadableVideoError(Reason.MEMORY_LIMIT, detail)
    if decoding.last_status == -signal.SIGXCPU:
        return UnreadableVideoError(Reason.TIME_LIMIT, "decoding used up its processor time before the first picture")
    if any(message in words for message in _NO_DECODER_MESSAGES):
        return UnreadableVideoError(Reason.UNSUPPORTED_CODEC, f"no decoder for {decoding.facts.codec}: {ending}")
    detail = f"no picture could be decoded (ffmpeg's status {decoding.last_status}: {ending})"
    return UnreadableVideoError(Reason.NO_FRAMES, detail)


def _look_for_missing_end(decoding: Decoding, plan: DecodePlan, last_s: float, report: DecodeReport) -> None:
    interval_s = frame_interval_s(decoding.facts)
    is_end_missing = plan.step_s is not None and plan.wanted_s[-1] - last_s > plan.step_s / 2 + interval_s
    if is_end_missing or any(message in decoding.last_words for message in _CUT_OFF_MESSAGES):
        report.warn(TRUNCATED)
