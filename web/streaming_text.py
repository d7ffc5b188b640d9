"""Turns a function that writes into a stream of what it has written so far."""

import io
import queue
import threading
from collections.abc import Callable, Iterator
from typing import IO

_PART_CHARACTERS = 64 * 1024
# A reader that is slower than the writer lets it wait, so that nothing piles up.
_PARTS_AHEAD = 4
_LOOKS_EVERY_S = 1.0


class _GoneError(Exception):
    """The reader went away."""


class _Parts(io.TextIOBase):
    """Collects text and hands it on in parts of some size."""

    def __init__(self, hand_on: Callable[[str], None]) -> None:
        self._hand_on = hand_on
        self._pieces: list[str] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        self._pieces.append(text)
        self._size += len(text)
        if self._size >= _PART_CHARACTERS:
            self.flush()
        return len(text)

    def flush(self) -> None:
        if self._pieces:
            self._hand_on("".join(self._pieces))
            self._pieces, self._size = [], 0


def stream_text(write: Callable[[IO[str]], object]) -> Iterator[bytes]:
    """What `write` writes, in parts; the first is there when this returns, so that errors before it can be told.

    Raises:
        Exception: what `write` raises before its first part.
    """
    parts: queue.Queue[bytes | BaseException | None] = queue.Queue(_PARTS_AHEAD)
    is_gone = threading.Event()

    def hand_on(part: bytes | BaseException | None) -> None:
        while True:
            if is_gone.is_set():
                raise _GoneError
            try:
                parts.put(part, timeout=_LOOKS_EVERY_S)
            except queue.Full:
                continue
            return

    def run() -> None:
        try:
            stream = _Parts(lambda text: hand_on(text.encode("utf-8", "surrogateescape")))
            write(stream)  # type: ignore[arg-type]
            stream.flush()
            hand_on(None)
        except _GoneError:
            return
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that reads
            try:
                hand_on(error)
            except _GoneError:
                return

    threading.Thread(target=run, name="writes a report", daemon=True).start()
    first = parts.get()
    if isinstance(first, BaseException):
        raise first
    return _read(first, parts, is_gone)


def _read(
    first: bytes | None, parts: "queue.Queue[bytes | BaseException | None]", is_gone: threading.Event
) -> Iterator[bytes]:
    try:
        part: bytes | BaseException | None = first
        while part is not None:
            if isinstance(part, BaseException):
                raise part
            yield part
            part = parts.get()
    finally:
        is_gone.set()
