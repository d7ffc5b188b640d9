"""The most memory that this process, and the decoders that it starts, have at one time."""

import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_LOOK_S = 0.01
_KB = 1024


def forget_peak() -> None:
    """Lets this process's peak begin anew; elsewhere than on Linux it stays."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mb(pid: int | None = None) -> float:
    """The most resident memory that a process had since its peak was forgotten, in MB; this one's by default.

    Raises:
        OSError: the process is gone.
    """
    status = Path(f"/proc/{pid or 'self'}/status").read_text()
    lines = [line.split() for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0][1]) * _KB / 1e6 if lines else 0.0


class DecoderWatch:
    """Looks at every ffmpeg below this process a hundred times a second, as a context manager."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        """Of the largest that was seen."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="decoder-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _look_on(self) -> None:
        this = psutil.Process()
        while not self._stop.wait(_LOOK_S):
            for process in this.children(recursive=True):
                with suppress(psutil.Error, OSError):
                    if "ffmpeg" in process.name():
                        self.peak_mb = max(self.peak_mb, peak_mb(process.pid))
