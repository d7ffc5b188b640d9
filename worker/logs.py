"""Log lines of one format, as text or JSON: time, level, process, scan, batch; no message can start a line."""

import json
import logging
import os
import sys
import time
from typing import Any, TextIO

LINE = "%(asctime)s %(levelname)s [%(process)d%(ids)s] %(message)s"
FORMATS = ("text", "json")

_TIME = "%Y-%m-%dT%H:%M:%S"
# What is known of the work at hand, and of a single line through `extra`.
_IDS = ("worker", "scan_id", "batch_id")
_SHOWN_IDS = {"scan_id": "scan", "batch_id": "batch"}
# How kombu begins what it says of a message whose end it cannot tell the broker; it is delivered again.
_UNANSWERED = ("Couldn't ack", "Couldn't reject")

_current: dict[str, Any] = {}


def configure_logging(level: str, stream: TextIO | None = None, *, line_format: str = "text") -> None:
    """Sends every log line of this process and its children to standard error, from `level` upwards.

    Args:
        line_format: "text" for people, "json" for one object per line.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.addFilter(_without_trace_of_absence)
    handler.setFormatter(_JsonFormatter() if line_format == "json" else _LineFormatter(LINE))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("celery", "kombu", "amqp", "billiard"):
        # Their own news of connections and tasks; ours say the same with the scan's id.
        logging.getLogger(chatty).setLevel(max(logging.getLevelName(level.upper()), logging.WARNING))
    # A traceback of the pool's for each lost process, of which we make one line with what is known.
    logging.getLogger("celery.worker.request").setLevel(logging.CRITICAL)
    # The pool's own logger hands nothing on.
    pool_logger = logging.getLogger("multiprocessing")
    pool_logger.handlers[:] = [handler]
    pool_logger.setLevel(logging.WARNING)


def set_current_scan(scan_id: int | None, batch_id: int | None = None) -> None:
    """Names the scan that this process is at, and its batch where that is known, in each line from now on."""
    _current["scan_id"], _current["batch_id"] = scan_id, batch_id


def set_current_worker(name: str) -> None:
    """Names the worker that this process and its children are, in each JSON line from now on."""
    _current["worker"] = name


class _LineFormatter(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_time_format = _TIME
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        known = ((shown, _id_of(record, name)) for name, shown in _SHOWN_IDS.items())
        record.ids = "".join(f" {shown}={value}" for shown, value in known if value is not None)
        record.levelname = record.levelname.lower()
        # A name with a line break must not forge a line, nor one with an escape the terminal.
        text = super().format(record)
        return "".join(
            character if character.isprintable() else _escaped(character, is_ours=bool(record.exc_info))
            for character in text
        )


class _JsonFormatter(logging.Formatter):
    """One object per line; whatever a message holds is inside its string."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": f"{time.strftime(_TIME, time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        for name in _IDS:
            value = _id_of(record, name)
            if value is not None:
                line[name] = value
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        # ASCII alone: neither a terminal nor a reader of lines meets anything else.
        return json.dumps(line, ensure_ascii=True, default=str)


def _id_of(record: logging.LogRecord, name: str) -> Any:
    """What a line says of itself goes before what the process is at."""
    return getattr(record, name, None) or _current.get(name)


def _without_trace_of_absence(record: logging.LogRecord) -> bool:
    """A message that could not be acknowledged as the broker is away is a line, not a page of traceback."""
    if str(record.msg).startswith(_UNANSWERED):
        record.exc_info = None
    return True


def _escaped(character: str, *, is_ours: bool) -> str:
    if character == "\n" and is_ours:
        return os.linesep + "    "
    return character.encode("unicode_escape", errors="backslashreplace").decode()
