"""Judges one live source for the web application, in a process that ends with its standard input.

It is told the source in one line of JSON. Of each picture it writes a line of JSON, and after it the JPEG of as many
bytes as the line says; at last a line that says why it ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from cli.errors import expected_message
from cli.live_judging import judged_live
from cli.live_sources import open_source, without_secrets
from db.verdicts import Thresholds, verdict_of
from worker.settings import read_settings

if TYPE_CHECKING:
    from worker.live import LiveFrame

# Videos that wait in the queue go first.
_NICE = 10


def main() -> None:
    """Judges until the source ends or nobody wants it any more."""
    os.nice(_NICE)
    source = json.loads(sys.stdin.readline())["source"]
    signal.signal(signal.SIGTERM, _leave)
    main_thread = threading.main_thread().ident
    threading.Thread(target=_wait_for_end, args=(main_thread,), daemon=True).start()
    # Whatever a library prints must not be taken for a picture.
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    try:
        _judge(source, answers)
        detail = "the source has ended"
    except Exception as error:
        message = error.message if isinstance(error, click.ClickException) else expected_message(error)
        if message is None:
            raise
        detail = without_secrets(message, source)
    _write(answers, {"ended": detail})


def _judge(source: str, answers: BinaryIO) -> None:
    with judged_live(open_source(source), read_settings()) as (frames, thresholds):
        for frame in frames:
            _write(answers, {**_facts(frame, thresholds), "bytes": len(frame.jpeg)}, frame.jpeg)


def _facts(frame: LiveFrame, thresholds: Thresholds) -> dict[str, Any]:
    return {
        "t_s": round(frame.t_s, 2),
        "faces": frame.faces,
        "score": frame.score,
        "mean": frame.mean,
        "verdict": frame.verdict,
        "per_s": round(frame.per_s, 2),
        "dropped": frame.dropped,
        "look": None if frame.score is None else verdict_of(frame.score, thresholds),
    }


def _write(answers: BinaryIO, line: dict[str, Any], content: bytes = b"") -> None:
    answers.write(json.dumps(line).encode() + b"\n" + content)
    answers.flush()


def _wait_for_end(main_thread: int) -> None:
    # Not by sys.stdin, whose lock would be held when the process ends by itself.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    # Sent to the thread that waits for a picture, which it wakes.
    signal.pthread_kill(main_thread, signal.SIGTERM)


def _leave(_number: int, _frame: object) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
