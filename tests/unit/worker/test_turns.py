"""What a process that judges asks of the scheduler of the cores."""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[3]

ASKING = """
import os, subprocess, sys
from worker.processes import ask_for_long_turns
if sys.argv[1] != "none":
    os.sched_setscheduler(0, int(sys.argv[1]), os.sched_param(0))
ask_for_long_turns()
sys.stdout.write(f"{os.sched_getscheduler(0)} ")
sys.stdout.flush()
subprocess.run([sys.executable, "-c", "import os; print(os.sched_getscheduler(0))"], check=True)
"""


def _classes(before: str) -> list[int]:
    """The scheduling class of a process that asked, and of one that it started."""
    command = [sys.executable, "-c", ASKING, before]
    said = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True, timeout=60).stdout
    return [int(word) for word in said.split()]


def test_judging_is_batch_work_and_so_is_what_it_starts() -> None:
    """Decoders and networks interrupt each other less."""
    assert _classes("none") == [os.SCHED_BATCH] * 2


def test_the_class_that_an_operator_chose_stays() -> None:
    """A worker that shall take only what others leave goes on doing so."""
    assert _classes(str(os.SCHED_IDLE)) == [os.SCHED_IDLE] * 2
