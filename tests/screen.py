"""A small terminal: obeys what our programs write to one, and refuses every other escape sequence."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType

from tests.services import wait_until

_SEQUENCE = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])")
_COLOURS = {*range(30, 50), *range(90, 108)}


class Screen:
    """What a person sees, as lines of characters; a character of two columns leaves the second empty.

    Args:
        wrapped: how often text went on in the next line because this one was full.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.wrapped = 0
        self.colours: set[int] = set()
        self._rest = ""

    @property
    def lines(self) -> list[str]:
        """The lines without the blanks at their ends."""
        return ["".join(line).rstrip() for line in self.cells]

    @property
    def text(self) -> str:
        """The lines down to the last that is not empty."""
        return "\n".join(self.lines).rstrip()

    def write(self, text: str) -> None:
        """Shows text, and obeys the sequences in it; what is not ended yet waits for the rest."""
        text, self._rest = self._rest + text, ""
        place = 0
        while place < len(text):
            if text[place] != "\x1b":
                self._put(text[place])
                place += 1
            elif found := _SEQUENCE.match(text, place):
                self._obey(found[1], found[2])
                place = found.end()
            elif re.fullmatch(r"\x1b(\[[?\d;]*)?", text[place:]):
                self._rest = text[place:]
                return
            else:
                raise AssertionError(f"a sequence that no program of ours writes: {text[place : place + 20]!r}")

    def resize(self, columns: int, rows: int) -> None:
        """Another size: what no longer fits is cut off, as xterm does."""
        gone = max(0, self.row - rows + 1)
        kept = [(line + [" "] * columns)[:columns] for line in self.cells[gone : gone + rows]]
        self.cells = kept + [[" "] * columns for _ in range(rows - len(kept))]
        self.columns, self.rows = columns, rows
        self.row, self.column = self.row - gone, min(self.column, columns - 1)

    def _put(self, character: str) -> None:
        if character == "\n":
            self._down()
        elif character == "\r":
            self.column = 0
        elif unicodedata.category(character) == "Cc":
            raise AssertionError(f"a control character that no program of ours writes: {character!r}")
        else:
            self._draw(character)

    def _draw(self, character: str) -> None:
        if unicodedata.category(character) in ("Mn", "Me", "Cf"):
            return
        width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if self.column + width > self.columns:
            self.wrapped += 1
            self.column = 0
            self._down()
        self.cells[self.row][self.column : self.column + width] = [character, *[""] * (width - 1)]
        self.column += width

    def _down(self) -> None:
        if self.row + 1 < self.rows:
            self.row += 1
        else:
            self.cells = [*self.cells[1:], [" "] * self.columns]

    def _obey(self, numbers: str, letter: str) -> None:
        if numbers.startswith("?"):
            assert numbers + letter in ("?25h", "?25l"), numbers + letter
            return
        count = max(1, int(numbers or 1)) if letter in "ABCD" else 0
        if letter == "m":
            self.colours |= {int(number) for number in numbers.split(";") if number} & _COLOURS
        elif letter == "A":
            self.row = max(0, self.row - count)
        elif letter == "B":
            self.row = min(self.rows - 1, self.row + count)
        elif letter == "H":
            assert numbers in ("", "1;1"), numbers
            self.row = self.column = 0
        elif letter == "K":
            assert numbers == "2", numbers
            self.cells[self.row] = [" "] * self.columns
        elif letter == "J":
            assert numbers == "2", numbers
            self.cells = [[" "] * self.columns for _ in range(self.rows)]
        else:
            raise AssertionError(f"a sequence that no program of ours writes: {numbers}{letter}")


class OnTerminal:
    """A command on a pseudo-terminal of its own, and its screen; use it as a context manager."""

    def __init__(
        self, arguments: Sequence[str | os.PathLike[str]], environ: Mapping[str, str], *, columns: int, rows: int
    ) -> None:
        self.screen = Screen(columns, rows)
        self.everything = ""
        """All that was written, sequences included."""
        self._ours, theirs = pty.openpty()
        self._set_size()
        # The size is the terminal's own, so that it can change.
        known = {name: value for name, value in environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            arguments, env=known, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self._trouble: list[BaseException] = []
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "OnTerminal":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.process.kill()
        self.process.wait(120)
        self._thread.join(20)
        os.close(self._ours)
        if self._trouble and kind is None:
            raise self._trouble[0]

    def resize(self, columns: int, rows: int) -> None:
        """Another size of the terminal while the command runs."""
        self.screen.resize(columns, rows)
        self._set_size()

    def wait_for(self, *texts: str) -> None:
        """Waits until all of them are on the screen at once."""
        wait_until(
            lambda: bool(self._trouble) or all(text in self.screen.text for text in texts),
            timeout_s=120,
            what=f"{texts} on a screen",
        )
        if self._trouble:
            raise self._trouble[0]

    def _set_size(self) -> None:
        size = struct.pack("HHHH", self.screen.rows, self.screen.columns, 0, 0)
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, size)

    def _read(self) -> None:
        rest = b""
        # Linux reports the end of a terminal as an error.
        with suppress(OSError):
            while block := os.read(self._ours, 65536):
                rest += block
                # A character that was cut in two waits for its other half.
                whole = rest.decode("utf-8", "ignore") if _is_cut(rest) else rest.decode()
                rest = rest[len(whole.encode()) :]
                self.everything += whole
                try:
                    self.screen.write(whole)
                except AssertionError as error:
                    self._trouble.append(error)
                    return


def _is_cut(written: bytes) -> bool:
    try:
        written.decode()
    except UnicodeDecodeError as error:
        return error.end == len(written)
    return False
