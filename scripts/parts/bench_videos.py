"""Judges one video with a watch on every stage, and lets ffmpeg alone decode the same frames."""

import os
import subprocess
import time
from collections import deque
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from worker.pipeline.classifier import load_classifier
from worker.pipeline.errors import UnreadableVideoError
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.ffmpeg_process import Watch
from worker.pipeline.leap_run import CannotGatherError, opened_source
from worker.pipeline.limits import Limits
from worker.pipeline.opening import opened_video
from worker.pipeline.picture_run import Decoding, source_command
from worker.pipeline.results import ScanResult
from worker.pipeline.sampling import DEFAULT_MAX_FRAMES, plan_decode
from worker.pipeline.scan import ScanOptions, scan_video
from worker.resources import load_detector
from worker.settings import read_settings

DEFAULT_BUNDLE = Path(__file__).resolve().parents[2] / "worker" / "classifiers" / "default"


@dataclass(frozen=True)
class Measured:
    """A judged video: what it is, the wall seconds of each stage, and those of ffmpeg alone."""

    path: str
    codec: str
    width_px: int
    height_px: int
    duration_s: float | None
    frames: int
    faces: int
    seconds: dict[str, float]
    ffmpeg_alone_s: float
    ffmpeg_alone_cpu_s: float


@dataclass(frozen=True)
class Refused:
    """A file that is no video that can be judged."""

    path: str
    reason: str


class Bench:
    """The detector and the classifier, loaded once, as in a worker.

    Args:
        frames: frames of a short video.
        max_frames: frames of the longest.
    """

    def __init__(self, *, frames: int, max_frames: int = DEFAULT_MAX_FRAMES) -> None:
        settings = read_settings()
        self._options = ScanOptions(frames=frames, max_frames=max_frames)
        self._limits = Limits()
        self._ffmpeg = find_ffmpeg(settings.ffmpeg)
        self._detector = load_detector(settings)
        bundle = Path(settings.classifier) if settings.classifier else DEFAULT_BUNDLE
        self._classifier = load_classifier(bundle, device=settings.device, precision=settings.precision)

    def classifier_facts(self) -> dict[str, str]:
        """Which classifier is measured, and what runs it."""
        manifest = self._classifier.manifest
        return {"name": manifest.name, "version": manifest.version, "runtime": self._classifier.runtime}

    def warm_up(self, paths: Iterable[bytes]) -> None:
        """One scan that is not counted: the first one pays for what is set up once."""
        any(isinstance(self.measure(path), Measured) for path in paths)

    def measure(self, path: bytes) -> Measured | Refused:
        """Judges one video; the file is read once before, so that no disk is measured."""
        shown = os.fsdecode(path).encode("utf-8", "replace").decode()
        try:
            with opened_video(path) as descriptor:
                while os.read(descriptor, 1 << 20):
                    pass
            result = self.judge(path)
        except UnreadableVideoError as error:
            return Refused(shown, error.reason)
        wall_s, cpu_s = self.decode_alone(path, result)
        return Measured(
            path=shown,
            codec=result.facts.codec,
            width_px=result.facts.width_px,
            height_px=result.facts.height_px,
            duration_s=result.duration_s or result.facts.duration_s,
            frames=len(result.frames),
            faces=sum(len(frame.faces) for frame in result.frames),
            seconds={stage: round(seconds, 5) for stage, seconds in result.seconds.items()},
            ffmpeg_alone_s=round(wall_s, 5),
            ffmpeg_alone_cpu_s=round(cpu_s, 5),
        )

    def judge(self, path: bytes) -> ScanResult:
        """Judges one video, as a worker does.

        Raises:
            UnreadableVideoError: it cannot be judged.
        """
        return scan_video(
            path,
            options=self._options,
            detector=self._detector,
            classifier=self._classifier,
            ffmpeg=self._ffmpeg,
            limits=self._limits,
        )

    def decode_alone(self, path: bytes, result: ScanResult) -> tuple[float, float]:
        """Wall and processor seconds of the pipeline's own ffmpeg commands, one after the other, into nothing."""
        facts = replace(result.facts, duration_s=result.facts.duration_s or result.duration_s)
        plan = plan_decode(facts, frames=self._options.frames, max_frames=self._options.max_frames)
        watch = Watch(time.monotonic() + self._limits.time_limit_s, lambda: False)
        decoding = Decoding(path=path, facts=facts, ffmpeg=self._ffmpeg, limits=self._limits, watch=watch)
        wall_s = cpu_s = 0.0
        leaps = deque(plan.leaps)
        while leaps:
            leap = leaps.popleft()
            with ExitStack() as opened:
                try:
                    source = opened.enter_context(opened_source(decoding, leap))
                except CannotGatherError:
                    leaps.extendleft(reversed(leap.apart()))
                    continue
                nowhere = opened.enter_context(Path(os.devnull).open("wb"))
                video = source.descriptor
                command = source_command(decoding, source, video_fd=video, stats_fd=nowhere.fileno())
                before, started = os.times(), time.perf_counter()
                subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=nowhere,
                    stderr=nowhere,
                    pass_fds=[video, nowhere.fileno()],
                    check=False,
                )
                wall_s += time.perf_counter() - started
                after = os.times()
            cpu_s += after.children_user + after.children_system - before.children_user - before.children_system
        return wall_s, cpu_s
