"""Keeps what a run says, interrupted or not, beside its state, and leaves it with the outcome."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from training.options import Say

LOG_FILE = "training-log.txt"


class RunLog:
    """Says each line, and writes it down with its time.

    Args:
        say: what takes the lines.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._path: Path | None = None
        self._waiting: list[str] = []

    def __call__(self, line: str) -> None:
        """Says a line."""
        self._say(line)
        self._waiting.append(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}  {_on_one_line(line)}\n")
        if self._path is not None:
            self._write(self._path)

    def keep_in(self, directory: Path) -> None:
        """Writes down there what was said and what will be, after what an interrupted run wrote."""
        self._path = directory / LOG_FILE
        self._write(self._path)

    def copy_to(self, directory: Path) -> None:
        """Leaves a copy of everything there."""
        if self._path is not None:
            shutil.copyfile(self._path, directory / LOG_FILE)

    def _write(self, path: Path) -> None:
        with path.open("a", encoding="utf-8", errors="replace") as file:
            file.writelines(self._waiting)
        self._waiting.clear()


def _on_one_line(line: str) -> str:
    """A file's name that holds a line break must not write a line of its own."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "backslashreplace").decode()
        for character in line
    )
