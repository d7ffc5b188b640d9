"""Has the pipeline look at a hostile file, and holds it to its limits of time and memory."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psutil

from tests.reading import Reading, read_clip
from worker.pipeline.errors import UnreadableVideoError
from worker.pipeline.limits import MIB, Limits
from worker.pipeline.opening import VideoPath

LIMITS = Limits(time_limit_s=10.0, probe_time_limit_s=10.0, memory_bytes=1024 * MIB, probe_memory_bytes=1024 * MIB)
SLACK_S = 40.0
"""For starting processes on a machine that does much else."""


@dataclass(frozen=True)
class End:
    """How it ended: the refusal, or what was read."""

    refusal: UnreadableVideoError | None
    reading: Reading | None

    @property
    def reason(self) -> str:
        """The reason of the refusal, or "decoded"."""
        return "decoded" if self.refusal is None else str(self.refusal.reason)


def look_at(path: VideoPath, *, frames: int = 8, limits: Limits = LIMITS) -> End:
    """Probe, plan and decode, within the limits; every other end than a refusal or frames fails the test."""
    started = time.monotonic()
    with _memory_watched():
        try:
            end = End(None, read_clip(path, frames=frames, limits=limits))
        except UnreadableVideoError as refusal:
            end = End(refusal, None)
    allowed_s = limits.time_limit_s + limits.probe_time_limit_s + SLACK_S
    assert time.monotonic() - started < allowed_s
    assert not _running_decoders()
    return end


def with_time(limit_s: float) -> Limits:
    """The limits with less time."""
    return replace(LIMITS, time_limit_s=limit_s, probe_time_limit_s=limit_s)


@contextmanager
def _memory_watched() -> Iterator[None]:
    """What decodes is bounded by the kernel; the process that waits for it must not grow by what a file claims."""
    before = psutil.Process().memory_info().rss
    yield
    assert psutil.Process().memory_info().rss - before < 512 * MIB


def _running_decoders() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if "ffmpeg" in child.name()]
