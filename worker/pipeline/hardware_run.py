"""Decodes one source by hardware where that goes well, and what is missing then in software."""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Self

from worker.pipeline.errors import TransientError, UnreadableVideoError
from worker.pipeline.ffmpeg import Source
from worker.pipeline.ffmpeg_health import printable_head
from worker.pipeline.hardware_check import why_not_opened
from worker.pipeline.hardware_trust import trust_of_process
from worker.pipeline.open_files import named_when_out
from worker.pipeline.picture_run import Decoding, PictureRun
from worker.pipeline.results import Frame

# What ffmpeg says of a picture that the hardware did not decode: what refers to that picture may be damaged.
_DAMAGES = (
    "hardware accelerator failed",
    "HW accel",
    "cuvidDecodePicture",
    "Failed to end picture decode",
    "Failed to sync surface",
    "Failed to transfer data",
)
# What it says where it went on in software by itself.
_TURNED_DOWN = "Failed setup for format"
_WORDS_CHARACTERS = 300


def start_run(decoding: Decoding, source: Source) -> "PictureRun | HardwareRun":
    """A started decoder: by hardware where that is wanted and has not failed this process, else in software.

    Raises:
        TransientError: it cannot be started.
    """
    if decoding.limits.hwaccel is not None and not trust_of_process().may_try(
        decoding.ffmpeg, decoding.limits, decoding.facts.codec
    ):
        decoding.limits = decoding.limits.in_software
    if decoding.limits.hwaccel is None:
        return PictureRun(decoding, source)
    return HardwareRun(decoding, source)


class HardwareRun:
    """A started hardware decoder, and after it one in software where pictures are missing; a context manager.

    The hardware has half of the time that is left: one that hangs costs no video. Whatever it leaves out, by whatever
    end, is decoded in software from the start of the source, and is given out from the first picture that is new.

    Args:
        decoding: its limits lose the hardware where that fails.
        source: its descriptor may be closed once this is made.
    """

    def __init__(self, decoding: Decoding, source: Source) -> None:
        self._decoding = decoding
        self._limits = decoding.limits
        self._last_s: float | None = None
        self._resources = ExitStack()
        with named_when_out():
            descriptor = os.dup(source.descriptor)
        self._resources.callback(os.close, descriptor)
        self._source = replace(source, descriptor=descriptor)
        self._run: PictureRun | None = None
        self._refusal = ""
        now = time.monotonic()
        watch = decoding.watch.until(now + (decoding.watch.deadline - now) / 2)
        try:
            self._run = self._resources.enter_context(PictureRun(decoding, source, watch=watch))
        except TransientError as error:
            self._refusal = error.detail
        except BaseException:
            self._resources.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill what still runs."""
        self._resources.close()

    def pictures(self) -> Iterator[Frame]:
        """The source's pictures, rising in time.

        Raises:
            TransientError: the machine could not decode.
            UnreadableVideoError: the time is up.
            ScanStoppedError: a stop was asked for.
        """
        decoding, trust = self._decoding, trust_of_process()
        complaint = self._refusal if self._run is None else (yield from self._by_hardware(self._run))
        if not complaint:
            trust.praise(decoding.ffmpeg, self._limits, decoding.facts.codec)
            return
        # Once for each video: the next decoder may have been started ahead.
        is_said = decoding.limits.hwaccel is None
        decoding.limits = decoding.limits.in_software
        if self._run is not None and self._run.is_complete:
            if not is_said:
                trust.blame(decoding.ffmpeg, self._limits, decoding.facts.codec, complaint)
            return
        is_said = is_said or (self._last_s is None and self._is_device_shut())
        for frame in self._in_software():
            if not is_said:
                is_said = True
                trust.blame(decoding.ffmpeg, self._limits, decoding.facts.codec, complaint)
            yield frame

    def _by_hardware(self, run: PictureRun) -> Generator[Frame, None, str]:
        """Yield what the hardware decodes; the return value is what was wrong with it, if anything was."""
        try:
            for frame in run.pictures():
                if is_damaged(run.words):
                    break
                yield frame
                self._last_s = frame.t_s
            else:
                status = run.finish()
                if run.is_complete and not is_damaged(run.words) and _TURNED_DOWN not in run.words:
                    return ""
                return printable_head(run.words, limit=_WORDS_CHARACTERS) or f"it ended early, with status {status}"
            return printable_head(run.words, limit=_WORDS_CHARACTERS)
        except TransientError as error:
            return error.detail
        except UnreadableVideoError as error:
            # Of the half, or of the whole.
            self._decoding.watch.check()
            return "" if run.is_complete else error.detail

    def _in_software(self) -> Iterator[Frame]:
        if self._run is not None:
            self._run.close()
        # The other decoder read from the same open file.
        os.lseek(self._source.descriptor, 0, os.SEEK_SET)
        run = self._resources.enter_context(PictureRun(self._decoding, self._source))
        for frame in run.pictures():
            if self._last_s is None or frame.t_s > self._last_s:
                yield frame

    def _is_device_shut(self) -> bool:
        """Whether it is the device that cannot be opened, and no fault of this video; it is remembered then."""
        ffmpeg, limits = self._decoding.ffmpeg, self._limits
        complaint = why_not_opened(ffmpeg, limits=limits, watch=self._decoding.watch)
        if complaint:
            trust_of_process().shut(ffmpeg, limits, complaint)
        return bool(complaint)


def is_damaged(words: str) -> bool:
    """Whether ffmpeg said that the hardware failed at a picture."""
    return any(message in words for message in _DAMAGES)
