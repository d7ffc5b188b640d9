"""Watches folders beside the sweeps of `fakesweep scheduler`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from cli.options import frames_of_preset

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cli.engine import Engine

_MOST_FRAMES = 256


def folder_works(
    engine: Engine, folders: Sequence[bytes], *, preset: str, priority: str
) -> list[Callable[[Callable[[float], bool]], None]]:
    """Works that watch a folder each, as a mount that hangs must stop neither sweeps nor other folders."""
    return [partial(_watch, engine, folder, preset, priority) for folder in folders]


def _watch(engine: Engine, folder: bytes, preset: str, priority: str, pause: Callable[[float], bool]) -> None:
    from cli.opening import classifier_for_submission
    from scheduler.folders import FolderWatch, WatchPolicy
    from scheduler.submission import SubmitOptions

    def choose_classifier(session: Session) -> int:
        return classifier_for_submission(session, engine.settings).id

    options = SubmitOptions(preset, frames_of_preset(preset), _MOST_FRAMES, priority=priority)
    policy = WatchPolicy(options, choose_classifier, engine.settings.still_s)
    watch = FolderWatch(engine.database, folder, policy, on_taken=lambda _: engine.send_or_note())
    watch.run(pause)
