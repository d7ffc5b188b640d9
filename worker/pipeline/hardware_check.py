"""Asks ffmpeg whether it knows a hardware decoder, and whether that one can be opened on this machine."""

import subprocess
import time
from pathlib import Path

from worker.pipeline.errors import Reason, TransientError, UnreadableVideoError
from worker.pipeline.ffmpeg_health import printable_head
from worker.pipeline.ffmpeg_process import FfmpegProcess, Watch
from worker.pipeline.hardware import METHODS
from worker.pipeline.limits import Limits

_ANSWERS_WITHIN_S = 20
OPENS_WITHIN_S = 30.0
_READ_BYTES = 4096
_WORDS_CHARACTERS = 300


def require_method(ffmpeg: Path, method: str | None) -> None:
    """Make sure that ffmpeg knows a method, if any is wanted.

    Args:
        ffmpeg: the binary.
        method: one of `hardware.METHODS`, None for software.

    Raises:
        TransientError: it does not; `detail` names those that it knows.
    """
    if method is None:
        return
    known = listed_methods(ffmpeg)
    if method not in known:
        usable = ", ".join(name for name in METHODS if name in known) or "none that could be set"
        detail = (
            f"FAKESWEEP_HWACCEL is {method!r}, which {ffmpeg} was not built with (it has {usable}): "
            "set one that it has, unset it, or name another ffmpeg in FAKESWEEP_FFMPEG"
        )
        raise TransientError(Reason.INTERNAL_ERROR, detail)


def listed_methods(ffmpeg: Path) -> tuple[str, ...]:
    """The methods that ffmpeg lists under `-hwaccels`.

    Raises:
        TransientError: it cannot be asked.
    """
    try:
        answer = subprocess.run(
            [str(ffmpeg), "-hide_banner", "-hwaccels"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWERS_WITHIN_S,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        detail = f"{ffmpeg} does not say which hardware decoders it has ({error}): see `fakesweep doctor`"
        raise TransientError(Reason.INTERNAL_ERROR, detail) from error
    return tuple(line.strip() for line in answer.stdout.splitlines()[1:] if line.strip())


def why_not_opened(ffmpeg: Path, *, limits: Limits, watch: Watch) -> str:
    """Why the device that the limits name cannot be opened, behind the locks that a decoder has; empty where it can.

    Raises:
        UnreadableVideoError: the watch's time is up.
        ScanStoppedError: a stop was asked for.
    """
    command = [str(ffmpeg), "-nostdin", "-hide_banner", "-v", "error", "-init_hw_device", str(limits.hwaccel)]
    command += ["-f", "lavfi", "-i", "color=s=16x16:d=0.04", "-frames:v", "1", "-f", "null", "-"]
    shorter = watch.until(time.monotonic() + OPENS_WITHIN_S)
    try:
        with FfmpegProcess(command, pass_fds=[], limits=limits, watch=shorter) as process:
            buffer = memoryview(bytearray(_READ_BYTES))
            while process.read_some(buffer):
                pass
            status = process.finish()
            words = process.stderr_tail
    except TransientError as error:
        return error.detail
    except UnreadableVideoError:
        watch.check()
        return f"it did not answer within {OPENS_WITHIN_S:.0f} s"
    return "" if status == 0 else printable_head(words, limit=_WORDS_CHARACTERS) or f"status {status}"
