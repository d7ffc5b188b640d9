"""What a pool child leaves behind for its worker, should it die: which scan it was at, and how far.

A small file in the worker's private directory, one per child; the worker turns it into evidence.
"""

import json
import os
import resource
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from db.leases import Claim
from worker.pipeline.ffmpeg_health import EVIDENCE_CHARACTERS, printable_tail
from worker.pipeline.ffmpeg_process import said_of_late

# ru_maxrss counts bytes on macOS, kibibytes elsewhere.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
# Longer than any word, shorter than what a file system writes at once.
_LENGTH_BYTES = 12288
# Of these the first line, which alone is written where only the progress is new: twice for every picture.
_PROGRESS_BYTES = 128


@dataclass(frozen=True)
class LastWord:
    """The last that was heard of a scan.

    Args:
        memory_bytes: the most that the process had resident.
        stderr: what ffmpeg had said by then, as one harmless line.
    """

    pid: int
    scan_id: int
    token: int
    stage: str | None
    progress: float
    memory_bytes: int
    stderr: str = ""
    batch_id: int | None = None


class LastWords:
    """The file of the process that makes it.

    Args:
        directory: the worker's private one.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / f"scan-of-{os.getpid()}.json"
        self._descriptor: int | None = None
        self._written: tuple[Claim, str] | None = None

    def write(self, claim: Claim, *, stage: str | None, progress: float) -> None:
        """Replaces what was said before; a full disk is no reason to stop judging."""
        memory_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
        lines = _line({"stage": stage, "progress": progress, "memory_bytes": memory_bytes}, _PROGRESS_BYTES)
        said = (claim, said_of_late())
        if said != self._written:
            word = {"pid": os.getpid(), "scan_id": claim.scan_id, "token": claim.token, "batch_id": claim.batch_id}
            lines += _line({**word, "stderr": said_about_this_video()}, _LENGTH_BYTES - _PROGRESS_BYTES)
        with suppress(OSError):
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            # In place, in one call and always as long: a new file under the old name makes some file systems wait
            # for the disk, several times a video.
            os.pwrite(self._descriptor, lines, 0)
            self._written = said

    def erase(self) -> None:
        """The scan ended in good order."""
        self._path.unlink(missing_ok=True)
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = self._written = None


def said_about_this_video() -> str:
    """The end of what ffmpeg said in this process, as one harmless line; empty where it said nothing."""
    return printable_tail(said_of_late(), limit=EVIDENCE_CHARACTERS)


def read_last_words(directory: Path, scan_id: int) -> LastWord | None:
    """What was last heard of a scan whose process is dead; None when nothing was."""
    for path in directory.glob("scan-of-*.json"):
        with suppress(OSError, ValueError, TypeError):
            word = _read(path)
            if word.scan_id == scan_id and not _is_alive(word.pid):
                path.unlink(missing_ok=True)
                return word
    return None


def all_last_words(directory: Path) -> list[LastWord]:
    """What was last heard of every scan that was under way when a whole worker died."""
    words = []
    for path in directory.glob("scan-of-*.json"):
        with suppress(OSError, ValueError, TypeError):
            words.append(_read(path))
    return words


def _line(said: Mapping[str, object], length_bytes: int) -> bytes:
    return json.dumps(said).encode().ljust(length_bytes - 1) + b"\n"


def _read(path: Path) -> LastWord:
    progress, word = path.read_text().splitlines()
    return LastWord(**json.loads(progress), **json.loads(word))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
