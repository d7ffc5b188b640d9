"""Watches folders beside the sweeps of `fakesweep scheduler`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.options import frames_of_preset

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cli.engine import Engine

# A look may be waiting for a slow disk when it is told to stop; what it had not written is found again.
_THREAD_ENDS_WITHIN_S = 5.0
_MOST_FRAMES = 256


@contextmanager
def watching_folders(
    engine: Engine, folders: Sequence[bytes], *, preset: str, priority: str, stop: threading.Event
) -> Iterator[Callable[[], None]]:
    """Watches each folder in a thread of its own, as a mount that hangs must stop neither sweeps nor other folders.

    What it yields raises what went wrong in such a thread; a defect there sets `stop`.
    """
    defects: list[BaseException] = []

    def watch(folder: bytes) -> None:
        try:
            _watch(engine, folder, preset=preset, priority=priority, pause=stop.wait)
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            defects.append(error)
            stop.set()

    def check() -> None:
        if defects:
            raise defects[0]

    threads = [threading.Thread(target=watch, args=(folder,), name="watches", daemon=True) for folder in folders]
    for thread in threads:
        thread.start()
    try:
        yield check
    finally:
        stop.set()
        for thread in threads:
            thread.join(_THREAD_ENDS_WITHIN_S)


def _watch(engine: Engine, folder: bytes, *, preset: str, priority: str, pause: Callable[[float], bool]) -> None:
    from cli.opening import classifier_for_submission
    from scheduler.folders import FolderWatch, WatchPolicy
    from scheduler.submission import SubmitOptions

    def choose_classifier(session: Session) -> int:
        return classifier_for_submission(session, engine.settings).id

    options = SubmitOptions(preset, frames_of_preset(preset), _MOST_FRAMES, priority=priority)
    policy = WatchPolicy(options, choose_classifier, engine.settings.still_s)
    watch = FolderWatch(engine.database, folder, policy, on_taken=lambda _: engine.send_or_note())
    watch.run(pause)
