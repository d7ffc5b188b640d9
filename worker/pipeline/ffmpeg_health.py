"""Tells an ffmpeg that cannot run from a video that cannot be decoded, and keeps what it said last."""

import re
from pathlib import Path

from worker.pipeline.errors import Reason, TransientError
from worker.pipeline.ffmpeg_process import FfmpegProcess, Watch
from worker.pipeline.limits import Limits
from worker.pipeline.spawning import shared_spawner

EVIDENCE_CHARACTERS = 800
"""Some ten lines: enough to name the decoder and its complaint."""
_READ_BYTES = 65536
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")


def require_working(ffmpeg: Path, *, limits: Limits, watch: Watch) -> None:
    """Make sure that it runs at all under its limits and in its sandbox, before a video is blamed.

    Raises:
        TransientError: it does not; `detail` has its last words.
    """
    command = [str(ffmpeg), "-version"]
    with FfmpegProcess(command, pass_fds=[], limits=limits.in_software, watch=watch) as process:
        buffer = memoryview(bytearray(_READ_BYTES))
        while process.read_some(buffer):
            pass
        status = process.finish()
        words = process.stderr_tail
    if status != 0:
        # A replaced program or library is not the one that the sandbox lets in.
        shared_spawner().forget_programs()
        ending = printable_tail(words, limit=200) or "it said nothing"
        detail = f"ffmpeg does not run here (status {status}: {ending}): see `fakesweep doctor`"
        raise TransientError(Reason.INTERNAL_ERROR, detail)


def printable_tail(words: str, *, limit: int) -> str:
    """The end of what a program said about a stranger's file, as one line without control characters."""
    return _in_one_line(words)[-limit:]


def printable_head(words: str, *, limit: int) -> str:
    """The start of what a program said, where the cause stands, as one line without control characters."""
    return _in_one_line(_ADDRESS.sub("", words))[:limit]


def _in_one_line(words: str) -> str:
    line = " | ".join(line.strip() for line in words.splitlines() if line.strip())
    return "".join(character if character.isprintable() else " " for character in line)
