"""Times the whole command, from its start to its exit, in a home of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.parts.bench_machine import usable_cores


def time_whole_scan(paths: Sequence[bytes], *, preset: str, home: Path) -> dict[str, object]:
    """Runs `fakesweep scan` on the files with an empty database; seconds, rate, and how they ended."""
    report = home / "report.json"
    command: list[str | bytes | Path] = [Path(sys.executable).with_name("fakesweep"), "scan"]
    command += ["--preset", preset, "--json", report, "--", *paths]
    own = {name: value for name, value in os.environ.items() if not name.endswith(("_BROKER_URL", "_DATABASE_URL"))}
    started = time.perf_counter()
    done = subprocess.run(
        command,
        env=own | {"FAKESWEEP_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    wall_s = time.perf_counter() - started
    return {
        "wall_s": round(wall_s, 2),
        "cores": usable_cores(),
        "status": done.returncode,
        "counts": json.loads(report.read_text())["batch"]["counts"] if report.exists() else {},
        "videos_per_minute": round(60 * len(paths) / wall_s, 2),
    }
