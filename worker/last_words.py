"""What a pool child leaves behind for its worker, should it die: which scan it was at, and how far.

A small file in the worker's private directory, one per child; the worker turns it into evidence.
"""

import json
import os
import resource
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from db.leases import Claim

# ru_maxrss counts bytes on macOS, kibibytes elsewhere.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class LastWord:
    """The last that was heard of a scan; memory is the most that the process had resident."""

    pid: int
    scan_id: int
    token: int
    stage: str | None
    progress: float
    memory_bytes: int


class LastWords:
    """The file of the process that makes it.

    Args:
        directory: the worker's private one.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / f"scan-of-{os.getpid()}.json"

    def write(self, claim: Claim, *, stage: str | None, progress: float) -> None:
        """Replaces what was said before; a full disk is no reason to stop judging."""
        memory_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
        word = LastWord(os.getpid(), claim.scan_id, claim.token, stage, progress, memory_bytes)
        with suppress(OSError):
            self._path.with_suffix(".new").write_text(json.dumps(asdict(word)))
            self._path.with_suffix(".new").replace(self._path)

    def erase(self) -> None:
        """The scan ended in good order."""
        self._path.unlink(missing_ok=True)


def read_last_words(directory: Path, scan_id: int) -> LastWord | None:
    """What was last heard of a scan whose process is dead; None when nothing was."""
    for path in directory.glob("scan-of-*.json"):
        with suppress(OSError, ValueError, TypeError):
            word = LastWord(**json.loads(path.read_text()))
            if word.scan_id == scan_id and not _is_alive(word.pid):
                path.unlink(missing_ok=True)
                return word
    return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
