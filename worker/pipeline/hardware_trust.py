"""Remembers for one process which hardware decoders failed it, and says so in the log, once for each cause."""

import functools
import logging
from collections import Counter
from pathlib import Path

from worker.pipeline.hardware import can_decode
from worker.pipeline.limits import Limits

_log = logging.getLogger(__name__)

MOST_FAILURES = 3
"""Videos of one codec in a row at which the hardware may fail before that codec is decoded in software alone."""

_Device = tuple[Path, str | None, bool]


class Trust:
    """What is known of the hardware decoders; a device is one method of one ffmpeg, in the sandbox or outside."""

    def __init__(self) -> None:
        self._shut: set[_Device] = set()
        self._failures: Counter[tuple[_Device, str]] = Counter()
        self._said: set[tuple[_Device, str]] = set()

    def may_try(self, ffmpeg: Path, limits: Limits, codec: str) -> bool:
        """Whether the decoder that the limits name is worth a try at a video of this codec."""
        device = _device_of(ffmpeg, limits)
        is_able = limits.hwaccel is not None and can_decode(limits.hwaccel, codec)
        return is_able and device not in self._shut and self._failures[device, codec] < MOST_FAILURES

    def praise(self, ffmpeg: Path, limits: Limits, codec: str) -> None:
        """It went well: failures before this were those of their videos."""
        self._failures.pop((_device_of(ffmpeg, limits), codec), None)

    def shut(self, ffmpeg: Path, limits: Limits, words: str) -> None:
        """The device cannot be opened: it is not tried again."""
        device = _device_of(ffmpeg, limits)
        if device not in self._shut:
            self._shut.add(device)
            _log.warning(
                "the hardware decoder %s cannot be opened here (%s), so this process decodes in software: "
                "see `fakesweep doctor`, or unset FAKESWEEP_HWACCEL",
                limits.hwaccel,
                words,
            )

    def blame(self, ffmpeg: Path, limits: Limits, codec: str, words: str) -> None:
        """It failed at a video that software decodes."""
        key = (_device_of(ffmpeg, limits), codec)
        self._failures[key] += 1
        if key not in self._said:
            self._said.add(key)
            _log.warning(
                "the hardware decoder %s failed at a video of codec %s (%s), which is decoded in software; "
                "after %d such videos in a row this process does so at once, and says no more",
                limits.hwaccel,
                codec,
                words,
                MOST_FAILURES,
            )


@functools.cache
def trust_of_process() -> Trust:
    """The memory of the calling process."""
    return Trust()


def _device_of(ffmpeg: Path, limits: Limits) -> _Device:
    return ffmpeg, limits.hwaccel, limits.is_confined
