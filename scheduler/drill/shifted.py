"""Runs a program whose clock is off: `python -m scheduler.drill.shifted SECONDS MODULE [ARGUMENT...]`.

Imports nothing else before the clock is shifted: modules keep `time.time` under names of their own.
"""

import runpy
import sys
import time


def shift_clock(seconds: float) -> None:
    """From now on this process, and those that it forks, believe that it is so much later."""
    true_time, true_time_ns = time.time, time.time_ns
    shift_ns = int(seconds * 1e9)
    time.time = lambda: true_time() + seconds
    time.time_ns = lambda: true_time_ns() + shift_ns


if __name__ == "__main__":
    _, shift_s, module, *arguments = sys.argv
    shift_clock(float(shift_s))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
