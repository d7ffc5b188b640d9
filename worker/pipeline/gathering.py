"""Has keyframes that lie far apart gathered into a small video in memory, for one decoder to show them all."""

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from worker.pipeline.errors import Reason
from worker.pipeline.limits import Limits
from worker.pipeline.open_files import named_when_out
from worker.pipeline.opening import VideoPath, opened_video
from worker.pipeline.probe_helper import shared_helper
from worker.pipeline.results import VideoFacts

_MFD_NOEXEC_SEAL = 0x8
REORDERED_PICTURES = 4
"""Some indexes tell decoding times: a keyframe listed at t may be shown this many pictures later."""


@dataclass(frozen=True)
class Gathered:
    """A small video of keyframes.

    Args:
        descriptor: of the file, at its start.
        times_s: of its pictures, counted from the first picture of the video that they come from; rising.
    """

    descriptor: int
    times_s: tuple[float, ...]


@contextmanager
def gathered_keyframes(
    path: VideoPath, facts: VideoFacts, wanted_s: Sequence[float], *, interval_s: float, limits: Limits
) -> Iterator[Gathered | None]:
    """The keyframes at some times of a video, as many of the first as can be had; None where not even one can.

    Args:
        path: of the video.
        facts: from the probe.
        wanted_s: times that its index gives for keyframes, counted from its first picture, rising.
        interval_s: between two of its pictures.
        limits: on time and memory.

    Raises:
        UnreadableVideoError: the file is gone.
        TransientError: the machine could not look.
    """
    with _memory_file() as target:
        if target is None:
            yield None
            return
        # A little late, so that rounding cannot turn away from a keyframe that is itself wanted.
        targets_s = [facts.start_s + t_s + interval_s / 4 for t_s in wanted_s]
        with opened_video(path, if_absent=Reason.VANISHED) as descriptor:
            times_s = shared_helper().gather(
                descriptor, target, stream_index=facts.stream_index, targets_s=targets_s, limits=limits
            )
        os.lseek(target, 0, os.SEEK_SET)
        found_s = tuple(t_s - facts.start_s for t_s in times_s)
        slack_s = (REORDERED_PICTURES + 0.5) * interval_s
        are_wanted = [abs(t_s - near_s) <= slack_s for t_s, near_s in zip(found_s, wanted_s, strict=False)]
        yield Gathered(target, found_s) if are_wanted and all(are_wanted) else None


@contextmanager
def _memory_file() -> Iterator[int | None]:
    """An empty file, gone afterwards; None where this machine gives none, by its settings or for want of room."""
    try:
        with named_when_out():
            descriptor = _open_memory_file()
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        with suppress(OSError):
            os.close(descriptor)


def _open_memory_file() -> int:
    if not hasattr(os, "memfd_create"):
        with tempfile.TemporaryFile() as file:
            return fcntl.fcntl(file.fileno(), fcntl.F_DUPFD_CLOEXEC, 0)
    try:
        # Some machines give no file that could be run as a program.
        return os.memfd_create("keyframes", os.MFD_CLOEXEC | _MFD_NOEXEC_SEAL)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # A kernel before 6.3 does not know the word.
        return os.memfd_create("keyframes", os.MFD_CLOEXEC)
