"""Scans on a full disk, and on one that fills meanwhile; a driver of `tests.small_disks`: PART DIRECTORY PROGRAM CLIPS.

PART "home" is the directory of the installation; "tmp" is TMPDIR, of which no name is left either.
"""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.services import wait_until
from tests.small_disks import SmallDisk

OPTIONS = {"home": "size=6m", "tmp": "size=4m,nr_inodes=200"}
LIMIT_S = 200.0
FULL = "no disk space left"


def main() -> None:
    """Fills, scans, frees; then scans, fills, frees."""
    part, directory, program, clips = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    disk = SmallDisk(directory, OPTIONS[part])
    if part == "home":
        os.environ["FAKESWEEP_HOME"] = str(directory / "state")
    else:
        os.environ["TMPDIR"] = str(directory)
    seen = {
        "full": _scan_on_full(disk, part, program, clips),
        "filling": _scan_while_filling(disk, part, program, clips),
    }
    sys.stdout.write(json.dumps(seen))


def _scan_on_full(disk: SmallDisk, part: str, program: str, clips: str) -> dict[str, Any]:
    disk.fill(with_names=part == "tmp")
    done = subprocess.run([program, "scan", clips], capture_output=True, text=True, check=False)
    disk.free()
    return {"status": done.returncode, "said": done.stdout + done.stderr}


def _scan_while_filling(disk: SmallDisk, part: str, program: str, clips: str) -> dict[str, Any]:
    log, report = disk.path.with_name("scan.log"), disk.path.with_name("scan.json")
    with log.open("wb") as output:
        scan = subprocess.Popen([program, "scan", "--force", "--json", report, clips], stdout=output, stderr=output)
        wait_until(lambda: _judged(program) > 0, timeout_s=LIMIT_S, what="the first verdict")
        disk.fill(with_names=part == "tmp")
        if part == "home":
            wait_until(lambda: FULL in log.read_text(), timeout_s=LIMIT_S, what="a word of the full disk")
        else:
            # Long enough for a lease to run out, were nobody there to renew it.
            with suppress(subprocess.TimeoutExpired):
                scan.wait(10)
        was_alive = scan.poll() is None
        disk.free()
        status = scan.wait(LIMIT_S)
    states = [video["state"] for video in json.loads(report.read_text())["videos"]]
    return {"status": status, "said": log.read_text(), "was_alive": was_alive, "states": states}


def _judged(program: str) -> int:
    answer = subprocess.run([program, "status", "--json", "-"], capture_output=True, text=True, check=False)
    return int(json.loads(answer.stdout)["batch"]["counts"]["judged"]) if answer.returncode == 0 else 0


if __name__ == "__main__":
    main()
