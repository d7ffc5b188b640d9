"""Measures a piece of work in a process of its own: seconds, and the most memory that it had."""

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

# ru_maxrss counts bytes on macOS, kibibytes elsewhere.
_MB_PER_UNIT = 1e-6 if sys.platform == "darwin" else 1024e-6


@dataclass(frozen=True)
class Cost:
    """What a piece of work cost, its process's start not counted; memory is the whole process's.

    Args:
        result: what the work returned.
        grown_mb: of the peak, what the process did not have before the work.
    """

    result: Any
    wall_s: float
    cpu_s: float
    peak_memory_mb: float
    grown_mb: float


def cost_of(work: Callable[..., Any], *arguments: Any) -> Cost:
    """Runs a function of a module, with arguments that can be pickled, in a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
        return fresh.submit(_measure, work, arguments).result()


def _measure(work: Callable[..., Any], arguments: tuple[Any, ...]) -> Cost:
    before_mb = psutil.Process().memory_info().rss / 1e6
    _forget_peak()
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    result = work(*arguments)
    wall_s, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MB_PER_UNIT
    return Cost(result, round(wall_s, 2), round(cpu_s, 2), round(peak_mb, 1), round(peak_mb - before_mb, 1))


def _forget_peak() -> None:
    """Lets the peak begin anew, so that importing does not hide it; elsewhere than on Linux it stays."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
