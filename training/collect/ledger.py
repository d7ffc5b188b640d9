"""Remembers what was asked and what came, one JSON line each, so that a killed run goes on where it was."""

import json
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from training.errors import TrainingError

Entry = dict[str, Any]


class Ledger:
    """A file of JSON lines that is only ever added to; each line is on the disk before `write` returns.

    Args:
        path: made where it is missing. A last line that a kill cut in two is dropped.

    Raises:
        TrainingError: it holds something that this did not write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.entries = read_ledger(path)
        self._file = path.open("ab")
        self._file.truncate(len(_whole_lines(path)))

    def write(self, entry: Mapping[str, Any]) -> None:
        """Adds one line, and the time."""
        complete = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **entry}
        line = json.dumps(complete).encode() + b"\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
            self.entries.append(complete)

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()


def read_ledger(path: Path) -> list[Entry]:
    """The entries of a ledger, none where there is no file; nothing is changed.

    Raises:
        TrainingError: it holds something that this did not write.
    """
    lines = enumerate(_whole_lines(path).split(b"\n"), start=1)
    return [_parse(path, number, line) for number, line in lines if line.strip()]


def _whole_lines(path: Path) -> bytes:
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1]


def _parse(path: Path, number: int, line: bytes) -> Entry:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise TrainingError(f"{path}, line {number} is damaged ({error}): mend it, or collect elsewhere") from error
    if not isinstance(entry, dict) or "state" not in entry:
        raise TrainingError(f"{path}, line {number} is none of ours: mend it, or collect elsewhere")
    return entry
