"""Applies the settings that say what is kept for how long, beside sweeps or for a person."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from db.session import Database
    from scheduler.retention import Keep, Pruned
    from worker.settings import Settings

EVERY_S = 3600.0
# Not while everything starts at once.
_FIRST_AFTER_S = 30.0

_log = logging.getLogger(__name__)


def keep_house(database: Database, settings: Settings, pause: Callable[[float], bool]) -> None:
    """Takes away every hour what is too old, until `pause` says to stop."""
    from db.errors import DatabaseUnavailableError
    from scheduler.retention import prune

    wait_s = _FIRST_AFTER_S
    while not pause(wait_s):
        try:
            done = prune(database, kept_for(settings), settings.evidence_directory, pause=pause)
        except DatabaseUnavailableError as error:
            _log.warning("taking away what is too old failed, trying again in an hour: %s", error)
        else:
            if any(vars(done).values()):
                _log.info("taken away: %s", describe_pruned(done))
        wait_s = EVERY_S


def kept_for(settings: Settings) -> Keep:
    """What the settings say."""
    from scheduler.retention import Keep

    return Keep(settings.keep_frames_days, settings.keep_evidence_days, settings.keep_batches_days)


def describe_pruned(done: Pruned) -> str:
    """What went, in words."""
    return (
        f"frames of {done.frames_of} scans, {done.evidence_files} evidence files "
        f"({done.evidence_bytes / 1e6:.1f} MB), {done.batches} batches with {done.entries} entries"
    )
