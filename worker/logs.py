"""Log lines of one format: time, level, process, scan; nothing in a message can start a line of its own."""

import logging
import os
import sys
import time
from typing import TextIO

LINE = "%(asctime)s %(levelname)s [%(process)d%(scan)s] %(message)s"

_current = {"scan": ""}


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Sends every log line of this process and its children to standard error, from `level` upwards."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_LineFormatter(LINE))
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


def set_current_scan(scan_id: int | None) -> None:
    """Names the scan that this process is at, in each line from now on."""
    _current["scan"] = "" if scan_id is None else f" scan={scan_id}"


class _LineFormatter(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        record.scan = _current["scan"]
        record.levelname = record.levelname.lower()
        # A name with a line break must not forge a line, nor one with an escape the terminal.
        text = super().format(record)
        return "".join(
            character if character.isprintable() else _escaped(character, is_ours=bool(record.exc_info))
            for character in text
        )


def _escaped(character: str, *, is_ours: bool) -> str:
    if character == "\n" and is_ours:
        return os.linesep + "    "
    return character.encode("unicode_escape", errors="backslashreplace").decode()
