"""One ffmpeg that decodes one source: raw pictures on one pipe, their times on another."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from worker.pipeline.errors import Reason, TransientError
from worker.pipeline.ffmpeg import Source, decode_command
from worker.pipeline.ffmpeg_process import FfmpegProcess, Watch, widen_pipe
from worker.pipeline.limits import Limits
from worker.pipeline.open_files import named_when_out
from worker.pipeline.opening import VideoPath
from worker.pipeline.results import Frame, Pixels, VideoFacts
from worker.pipeline.spawning import FIRST_PASSED
from worker.pipeline.survey import parse_stamp

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


class PictureRun:
    """A started decoder; a context manager that leaves no process and no descriptor.

    Args:
        decoding: told how the decoder ended.
        source: its descriptor may be closed once this is made.
        watch: of this run; None for that of the video.
    """

    def __init__(self, decoding: Decoding, source: Source, *, watch: Watch | None = None) -> None:
        self.is_complete = False
        """Whether every picture that was asked for came."""
        self._decoding = decoding
        self._source = source
        self._size = decoded_size(decoding.facts, decoding.limits)
        self._resources = ExitStack()
        watch = watch or decoding.watch
        with ExitStack() as started:
            with named_when_out():
                stats_fd, child_fd = os.pipe()
            started.callback(os.close, child_fd)
            self._resources.callback(os.close, stats_fd)
            command = source_command(decoding, source, video_fd=FIRST_PASSED, stats_fd=FIRST_PASSED + 1)
            passed = [source.descriptor, child_fd]
            try:
                process = FfmpegProcess(command, pass_fds=passed, limits=decoding.limits, watch=watch)
                self._process = self._resources.enter_context(process)
            except BaseException:
                self._resources.close()
                raise
        self._lines = _LineReader(stats_fd, watch)
        widen_pipe(self._process.stdout_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def words(self) -> str:
        """What ffmpeg said of late."""
        return self._process.stderr_tail

    def close(self) -> None:
        """Kill what still runs."""
        self._resources.close()

    def finish(self) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        return self._process.finish()

    def pictures(self) -> Iterator[Frame]:
        """The source's pictures, rising in time.

        Raises:
            TransientError: the machine could not decode.
            UnreadableVideoError: the time is up.
            ScanStoppedError: a stop was asked for.
        """
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
        self.is_complete = True
        self._decoding.last_words = self._process.stderr_tail

    def _note_end(self) -> None:
        self._decoding.last_status = self._process.finish()
        self._decoding.last_words = self._process.stderr_tail
        if self._decoding.last_status == -signal.SIGKILL:
            detail = "ffmpeg was ended by SIGKILL, as the system does it when memory runs out"
            raise TransientError(Reason.MEMORY_LIMIT, detail)


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


def decoded_size(facts: VideoFacts, limits: Limits) -> tuple[int, int]:
    """Width and height of the frames: as displayed, made smaller where the long side is over the limit."""
    longest = max(facts.width_px, facts.height_px)
    factor = min(1.0, limits.decoded_side_px / longest)
    return max(1, round(facts.width_px * factor)), max(1, round(facts.height_px * factor))


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
