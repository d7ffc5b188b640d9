"""Processes that read damaged videos, watched from outside: one that dies or hangs is noted and replaced."""

import json
import queue
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from scripts.parts.fuzz_judge import PROBE_LIMIT_S, TIME_LIMIT_S

ROOT = Path(__file__).resolve().parents[2]
HANG_AFTER_S = PROBE_LIMIT_S + TIME_LIMIT_S + 30.0
"""The limits, and time to start processes on a machine that does much else."""

JUDGE = (sys.executable, "-m", "scripts.parts.fuzz_judge")

Answer = dict[str, Any]


class Judge:
    """One such process, replaced when it is lost.

    Args:
        command: starts it; it writes a line when it runs, and one per path that it is given.
        hang_after_s: without an answer for so long it counts as hanging.
    """

    def __init__(self, command: Sequence[str] = JUDGE, *, hang_after_s: float = HANG_AFTER_S) -> None:
        self._command = command
        self._hang_after_s = hang_after_s
        self._process = _start(command)

    def read(self, path: Path) -> Answer:
        """How the video ended; the state is "hang" or "lost" where the process did."""
        answer = self._ask(path)
        if answer is not None:
            return answer
        status = self._process.poll()
        is_hanging = status is None
        self.close()
        self._process = _start(self._command)
        state = "hang" if is_hanging else "lost"
        return {
            "state": state,
            "reason": None,
            "detail": f"status {status}",
            "deaths": [],
            "seconds": self._hang_after_s,
        }

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _ask(self, path: Path) -> Answer | None:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            return None
        try:
            stdin.write(json.dumps(str(path)).encode() + b"\n")
            stdin.flush()
        except OSError:
            self._process.wait()
            return None
        if not select.select([stdout], [], [], self._hang_after_s)[0]:
            return None
        line = stdout.readline()
        if not line:
            self._process.wait()
            return None
        answer: Answer = json.loads(line)
        return answer


def read_all(numbers: Iterable[int], read: Callable[[Judge, int], None], *, judges: int) -> None:
    """Calls `read` with a judge for every number, in several threads; the first exception ends it all."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in numbers:
        waiting.put(number)
    troubles: list[BaseException] = []

    def work() -> None:
        judge = Judge()
        try:
            while not troubles:
                read(judge, waiting.get_nowait())
        except queue.Empty:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that called
            troubles.append(error)
        finally:
            judge.close()

    threads = [threading.Thread(target=work) for _ in range(judges)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]


def _start(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    # Its first line: it runs.
    if process.stdout is not None:
        process.stdout.readline()
    return process
