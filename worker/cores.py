"""How many processor cores this process may use."""

import math
import os
from pathlib import Path

_CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """The cores that the scheduler and the container leave us, at least one."""
    # Not on macOS.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        limit = cores_of_limit(_CGROUP_LIMIT.read_text())
    except OSError:
        limit = None
    return max(1, cores if limit is None else min(cores, limit))


def cores_of_limit(limit: str) -> int | None:
    """The whole cores of a cgroup's `cpu.max`, such as "150000 100000"; None where there is no limit."""
    quota, _, period = limit.strip().partition(" ")
    if not (quota.isdigit() and period.isdigit() and int(period)):
        return None
    return max(1, math.floor(int(quota) / int(period)))
