"""Takes one video through all stages: probe, plan, decode, faces, crops, classifier, tracks, scores."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from worker.pipeline.classifier import Classifier
from worker.pipeline.decoding import DecodeReport, decode_frames
from worker.pipeline.errors import Reason, ScanStoppedError, UnreadableVideoError
from worker.pipeline.faces import FaceDetector
from worker.pipeline.faces_judging import FaceJudge
from worker.pipeline.limits import Limits
from worker.pipeline.opening import VideoPath
from worker.pipeline.probe import probe_video
from worker.pipeline.results import STAGES, Frame, ScanResult, VideoFacts
from worker.pipeline.sampling import DEFAULT_MAX_FRAMES, DecodePlan, plan_decode
from worker.pipeline.scoring import Sampled, score_frames, score_tracks, score_video

Report = Callable[[str, float], None]
"""Told the stage and how much of the video is done, 0..1."""

_DEFAULT_LIMITS = Limits()
_T = TypeVar("_T")


@dataclass(frozen=True)
class ScanOptions:
    """The options that change a score.

    Args:
        frames: pictures of a short video; a long one gets more.
        max_frames: the most pictures of any video.
    """

    frames: int
    max_frames: int = DEFAULT_MAX_FRAMES

    def __post_init__(self) -> None:
        if self.frames < 1 or self.max_frames < 1:
            raise ValueError(f"frames and max_frames must be positive, got {self.frames} and {self.max_frames}")


def scan_video(
    path: VideoPath,
    *,
    options: ScanOptions,
    detector: FaceDetector,
    classifier: Classifier,
    ffmpeg: Path,
    limits: Limits = _DEFAULT_LIMITS,
    report: Report = lambda _stage, _progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> ScanResult:
    """Judges one video.

    Args:
        path: of the video; any bytes that the file system takes.
        options: which pictures to look at.
        detector: finds the faces.
        classifier: judges them.
        ffmpeg: the binary that decodes.
        limits: what the video may cost; `time_limit_s` bounds the whole scan.
        report: told the stage and the share done, between frames.
        should_stop: asked between frames.

    Raises:
        UnreadableVideoError: the file is the cause.
        TransientError: the machine is the cause.
        ScanStoppedError: `should_stop` said so.
    """
    watch = _StopWatch(deadline=time.monotonic() + limits.time_limit_s, limits=limits, should_stop=should_stop)
    report("probe", 0.0)
    facts = watch.timed("probe", lambda: probe_video(path, limits=limits))
    plan = plan_decode(facts, frames=options.frames, max_frames=options.max_frames)
    decoded = DecodeReport()
    frames = decode_frames(
        path,
        facts,
        plan,
        ffmpeg=ffmpeg,
        limits=limits,
        deadline=watch.deadline,
        should_stop=should_stop,
        report=decoded,
    )
    judge = FaceJudge(classifier, timed=lambda batch: watch.timed("classify", batch))
    sampled: list[Sampled] = []
    with contextlib.closing(frames):  # type: ignore[type-var]  # a generator, declared as an iterator
        for frame in watch.each(frames):
            found = watch.timed("detect", lambda frame=frame: detector.detect(frame.pixels))  # type: ignore[misc]
            sampled.append((frame.t_s, judge.take(frame, found)))
            report("detect", _progress(frame, facts, plan, len(sampled)))
    report("classify", 1.0)
    judge.finish()
    judged = score_frames(sampled, classifier.manifest.calibration)
    return ScanResult(
        facts=facts,
        frames=judged,
        tracks=score_tracks(judged, classifier.manifest.calibration),
        scores=score_video(judged, classifier.manifest.calibration),
        warnings=tuple(decoded.warnings),
        seconds=watch.seconds(),
        duration_s=decoded.duration_s,
        runtime=classifier.runtime,
    )


class _StopWatch:
    """Counts the seconds of the stages, and ends the scan when its time is up or it is told to stop."""

    def __init__(self, *, deadline: float, limits: Limits, should_stop: Callable[[], bool]) -> None:
        self.deadline = deadline
        self._limits = limits
        self._should_stop = should_stop
        self._started_s = time.perf_counter()
        self._spent_s: dict[str, float] = defaultdict(float)

    def timed(self, stage: str, work: Callable[[], _T]) -> _T:
        """Does a piece of work and counts its seconds to a stage."""
        started_s = time.perf_counter()
        try:
            return work()
        finally:
            self._spent_s[stage] += time.perf_counter() - started_s

    def each(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The frames; waiting for one counts to decoding."""
        while (frame := self.timed("decode", lambda: next(frames, None))) is not None:
            if self._should_stop():
                raise ScanStoppedError("told to stop between two frames")
            if time.monotonic() > self.deadline:
                detail = f"judging took longer than {self._limits.time_limit_s:.0f} s"
                raise UnreadableVideoError(Reason.TIME_LIMIT, detail)
            yield frame

    def seconds(self) -> dict[str, float]:
        """Wall seconds by stage, and in total."""
        total_s = time.perf_counter() - self._started_s
        return {stage: round(self._spent_s[stage], 4) for stage in STAGES} | {"total": round(total_s, 4)}


def _progress(frame: Frame, facts: VideoFacts, plan: DecodePlan, taken: int) -> float:
    """How much is done: by count where the plan is known, else by time."""
    if plan.leaps:
        return min(1.0, taken / len(plan.wanted_s))
    return min(1.0, frame.t_s / facts.duration_s) if facts.duration_s else 0.0
