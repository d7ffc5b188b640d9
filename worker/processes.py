"""Ends processes together with what they started, so that no ffmpeg is left behind."""

import os
import signal
import threading
import time
from contextlib import suppress
from typing import NoReturn

# How soon an orphan notices.
_LOOK_S = 0.5


def end_this_process() -> NoReturn:
    """Kills what this process started, then this process, whatever its threads are doing."""
    kill_descendants(os.getpid())
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def kill_descendants(pid: int) -> None:
    """Kills every child of a process, and theirs."""
    import psutil  # noqa: PLC0415 - only those who kill pay for it

    with suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.Error):
                process.kill()


def die_with_parent() -> None:
    """From now on this process ends soon after its present parent did, however that came about."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_S)
        end_this_process()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
