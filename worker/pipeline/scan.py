"""One video in, one verdict out: probe, plan, decode, find faces, judge them, link persons, aggregate."""

import contextlib
import time
from collections.abc import Callable, Generator, Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from worker.pipeline.classifier import Classifier
from worker.pipeline.decoding import DecodeReport, decode_frames
from worker.pipeline.faces import FaceDetector
from worker.pipeline.ffmpeg_process import Watch
from worker.pipeline.limits import Limits
from worker.pipeline.opening import VideoPath
from worker.pipeline.probe import probe_video
from worker.pipeline.results import STAGES, Frame, ScanResult, VideoFacts
from worker.pipeline.sampling import DEFAULT_MAX_FRAMES, PRESETS, DecodePlan, plan_decode
from worker.pipeline.seen_faces import SeenFaces, judge_tracks, judge_video, timed

Report = Callable[[str, float], None]
"""Told the stage and the share of the work that is done, 0..1, never falling."""

_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class ScanOptions:
    """How closely to look: the first two are part of what makes two scans the same.

    Args:
        frames: pictures of a short video.
        max_frames: pictures at most, however long the video.
        kept_faces: faces that the result holds in pictures, at most; one of each person while there is room.
    """

    frames: int = PRESETS["standard"]
    max_frames: int = DEFAULT_MAX_FRAMES
    kept_faces: int = 0

    def __post_init__(self) -> None:
        if self.kept_faces < 0:
            raise ValueError(f"kept_faces must not be negative, got {self.kept_faces}")
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
    """Judge one video.

    Args:
        path: of the video, as the file system holds it.
        options: how closely to look.
        detector: finds the faces.
        classifier: judges them.
        ffmpeg: the binary that decodes.
        limits: what the video may cost; `time_limit_s` is that of the whole scan.
        report: told the progress before and after each frame.
        should_stop: asked between frames, and a few times a second while waiting for one.

    Raises:
        UnreadableVideoError: the video cannot be judged; `reason` and `detail` say why.
        TransientError: the machine could not.
        ScanStoppedError: `should_stop` said so.
    """
    started = time.perf_counter()
    watch = Watch(time.monotonic() + limits.time_limit_s, should_stop)
    seconds = dict.fromkeys(STAGES, 0.0)
    report("probe", 0.0)
    with timed(seconds, "probe"):
        facts = probe_video(path, limits=limits)
        plan = plan_decode(facts, frames=options.frames, max_frames=options.max_frames)
    decoded = DecodeReport()
    seen = SeenFaces(detector, classifier, seconds=seconds, check=watch.check, keep=options.kept_faces)
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
    with contextlib.closing(_timed_frames(frames, seconds, report=report, plan=plan)) as numbered:
        for number, frame in numbered:
            watch.check()
            report("detect", _progress(number, plan))
            seen.look_at(frame)
    report("classify", 1.0)
    return _result(facts, seen, decoded, classifier, seconds, started=started)


def _timed_frames(
    frames: Iterator[Frame], seconds: MutableMapping[str, float], *, report: Report, plan: DecodePlan
) -> Generator[tuple[int, Frame], None, None]:
    """The frames with their numbers; the seconds of decoding are those spent waiting for one."""
    number = 0
    with contextlib.closing(_as_generator(frames)) as waiting:
        while True:
            report("decode", _progress(number, plan))
            with timed(seconds, "decode"):
                frame = next(waiting, None)
            if frame is None:
                return
            yield number, frame
            number += 1


def _as_generator(frames: Iterator[Frame]) -> Generator[Frame, None, None]:
    yield from frames


def _progress(frames_done: int, plan: DecodePlan) -> float:
    planned = len(plan.wanted_s) or min(plan.frames, plan.max_frames)
    # A plan whose duration had to be measured may grow; it must not seem done before it is.
    return min(frames_done / planned, 0.99)


def _result(
    facts: VideoFacts,
    seen: SeenFaces,
    decoded: DecodeReport,
    classifier: Classifier,
    seconds: dict[str, float],
    *,
    started: float,
) -> ScanResult:
    frames = seen.finish()
    manifest = classifier.manifest
    scores, tracks = judge_video(frames, manifest), judge_tracks(frames, manifest)
    return ScanResult(
        facts=facts,
        frames=frames,
        tracks=tracks,
        scores=scores,
        warnings=tuple(decoded.warnings),
        seconds={**seconds, "total": time.perf_counter() - started},
        duration_s=decoded.duration_s,
        runtime=classifier.runtime,
        kept=seen.kept(frames),
    )
