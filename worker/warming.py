"""Loads what judging needs when a pool process starts, so that the first video does not wait for it."""

import logging
from pathlib import Path

from db.errors import DatabaseError
from db.registry import active_classifier
from worker.pipeline.errors import PipelineError
from worker.resources import packaged_bundle, resources_of_process, sha256_of_bundle
from worker.settings import Settings
from worker.storage import Storage

_log = logging.getLogger(__name__)


def warm_up(settings: Settings, storage: Storage, *, host: Path | None = None) -> None:
    """Loads the detector and the classifier that will most likely be asked for, and runs each once.

    What cannot be loaded is told to the scans that need it; here it ends nothing.

    Args:
        host: the socket of the worker's network host, where it has one.
    """
    try:
        sha256, place = _likely_classifier(settings, storage)
        if sha256 is not None:
            resources_of_process(settings, host=host).warm_up(sha256, place)
    except (DatabaseError, PipelineError, MemoryError) as error:
        _log.warning("could not load ahead what judging needs: %s", error)


def _likely_classifier(settings: Settings, storage: Storage) -> tuple[str | None, Path]:
    """The hash and the place of the one that is set, else of the active, else of the packaged."""
    if settings.classifier is None:
        active = storage.attempt(active_classifier)
        if active is not None:
            return active.sha256, Path(active.path)
    place = packaged_bundle() if settings.classifier is None else Path(settings.classifier)
    return sha256_of_bundle(place), place
