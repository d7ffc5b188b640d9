"""What was measured on: figures without it mean nothing."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil


def machine_facts() -> dict[str, object]:
    """Processor, cores, memory, and the versions of what does the work."""
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("fakesweep", "openvino", "imageio-ffmpeg", "numpy")},
        # Others at work on the same machine make every figure worse.
        "load_before": round(os.getloadavg()[0], 2),
    }


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
