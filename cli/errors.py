"""Turns the errors that we expect into one message each; a defect keeps its traceback."""

import errno
import os
import sys

from cli.rendering.names import display_name

_EXPECTED = (
    "worker.settings:SettingsError",
    "worker.broker:BrokerError",
    "worker.pipeline.errors:PipelineError",
    "db.errors:DatabaseError",
    "training.errors:TrainingError",
    "scheduler.local_workers:LocalWorkerError",
    "scheduler.drill.setting:DrillError",
)
"""`module:class` of each error whose message is written for people. A class whose module was never loaded
cannot have been raised, so nothing is imported to look."""

_NEXT_STEP = {
    errno.ENOSPC: "free some space, then run the same command again",
    errno.EDQUOT: "your quota is used up: free some space, then run the same command again",
    errno.EROFS: "choose a place that can be written to",
    errno.EACCES: "check the permissions, or choose another place",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
}


def expected_message(error: BaseException) -> str | None:
    """The message for people, or None where the error is a defect of ours."""
    if isinstance(error, OSError) and error.errno != errno.EPIPE:
        return _os_error_message(error)
    if isinstance(error, _expected_classes()):
        return str(error)
    return None


def _expected_classes() -> tuple[type[BaseException], ...]:
    places = (place.split(":") for place in _EXPECTED)
    loaded = ((sys.modules[module], name) for module, name in places if module in sys.modules)
    return tuple(getattr(module, name) for module, name in loaded if hasattr(module, name))


def _os_error_message(error: OSError) -> str | None:
    if error.errno is None:
        return None
    where = "" if error.filename is None else f": {display_name(error.filename)}"
    next_step = _NEXT_STEP.get(error.errno)
    return f"{os.strerror(error.errno)}{where}" + (f": {next_step}" if next_step else "")
