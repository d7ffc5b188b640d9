"""Has pictures judged at once, by a helper process that is replaced when a picture is its end."""

import json
import os
import queue
import secrets
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from web.problems import ProblemError

# Loading the networks takes seconds on a busy machine.
_ANSWERS_WITHIN_S = 120.0
# People wait for an answer: more of them than this are told to come back.
_MOST_WAITING = 8


@dataclass
class PictureDesk:
    """Takes pictures one after the other.

    Args:
        command: that runs the helper; None where this server judges none.
        folder: for the pictures while they are judged.
    """

    command: Sequence[str] | None
    folder: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(_MOST_WAITING))
    _helper: "subprocess.Popen[str] | None" = None

    def judge(self, content: bytes) -> dict[str, Any]:
        """What was found in a picture, with the head of the report.

        Raises:
            ProblemError: nobody can judge it now, or it was the helper's end.
        """
        if self.command is None:
            raise ProblemError(503, "this server judges no pictures: start it with `fakesweep serve`")
        if not self._waiting.acquire(blocking=False):
            raise ProblemError(503, "too many pictures wait: try again soon", headers={"Retry-After": "10"})
        try:
            return self._judge(content)
        finally:
            self._waiting.release()

    def close(self) -> None:
        """Ends the helper."""
        with self._lock:
            self._end_helper()

    def _judge(self, content: bytes) -> dict[str, Any]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"picture-{secrets.token_hex(8)}"
        path.write_bytes(content)
        try:
            with self._lock:
                answer = self._ask({"path": os.fspath(path)})
        finally:
            path.unlink(missing_ok=True)
        if "error" in answer:
            raise ProblemError(503, str(answer["error"]))
        return answer

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        helper = self._running_helper()
        if helper.stdin is None or helper.stdout is None:
            raise RuntimeError("the helper was started without pipes")
        try:
            helper.stdin.write(json.dumps(question) + "\n")
            helper.stdin.flush()
            line = _read_line(helper)
        except OSError:
            line = ""
        if not line:
            self._end_helper()
            raise ProblemError(422, "the picture could not be judged: it took too long, or ended what judged it")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _running_helper(self) -> "subprocess.Popen[str]":
        if self._helper is None or self._helper.poll() is not None:
            self._end_helper()
            self._helper = subprocess.Popen(
                list(self.command or ()),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                # Ctrl-C is for the server, which ends the helper itself.
                start_new_session=True,
            )
        return self._helper

    def _end_helper(self) -> None:
        if self._helper is None:
            return
        self._helper.kill()
        self._helper.wait()
        for pipe in (self._helper.stdin, self._helper.stdout):
            if pipe is not None:
                # What was not written yet goes nowhere any more.
                with suppress(OSError):
                    pipe.close()
        self._helper = None


def _read_line(helper: "subprocess.Popen[str]") -> str:
    """The next line, empty where none comes in time or the helper ended."""
    lines: queue.Queue[str] = queue.Queue()
    stream = helper.stdout
    if stream is None:
        return ""
    # The thread ends with the line, or with the helper, which is killed when it is late.
    threading.Thread(target=lambda: lines.put(stream.readline()), daemon=True).start()
    try:
        return lines.get(timeout=_ANSWERS_WITHIN_S)
    except queue.Empty:
        return ""
