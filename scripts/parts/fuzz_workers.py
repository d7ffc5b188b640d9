"""Has whole workers scan damaged videos: the installed command, with a home of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ENDED_WELL = (0, 3)
"""Every file ended; with 3, some of them without having been judged."""
TIME_LIMIT_S = 60
_NO_REPORT: dict[str, Any] = {"batch": {"counts": {}}, "videos": []}


def scan_whole(folder: Path, *, home: Path) -> dict[str, Any]:
    """Scans a folder, and says how each file ended, and what went wrong beyond that."""
    report, log = home / "report.json", home / "scan.log"
    own = {name: value for name, value in os.environ.items() if not name.startswith("FAKESWEEP_")}
    settings = {"FAKESWEEP_HOME": str(home / "state"), "FAKESWEEP_TIME_LIMIT_S": str(TIME_LIMIT_S)}
    command: list[str | Path] = [
        Path(sys.executable).with_name("fakesweep"),
        "scan",
        "--preset",
        "fast",
        "--json",
        report,
        "--",
        folder,
    ]
    with log.open("wb") as said:
        done = subprocess.run(
            command, env=own | settings, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, check=False
        )
    words = log.read_text(errors="replace")
    batch: dict[str, Any] = json.loads(report.read_text()) if report.exists() else _NO_REPORT
    counts = {state: count for state, count in batch["batch"]["counts"].items() if count}
    return {
        "files": sum(1 for _ in folder.iterdir()),
        "status": done.returncode,
        "by_state": counts,
        "lost_workers": sum(1 for video in batch["videos"] if (video["attempts"] or 0) > 1),
        "tracebacks": words.count("Traceback (most recent call last)"),
        "failed": [
            {"path": Path(video["path"]).name, "state": video["state"], "reason": video["reason"]}
            for video in batch["videos"]
            if video["state"] in ("failed", "quarantined")
        ],
    }
