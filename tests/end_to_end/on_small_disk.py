"""Scans on a full disk, and on one that fills meanwhile: `unshare -rm python on_small_disk.py HOME PROGRAM CLIPS`.

It runs in a mount namespace of its own, so that the small disk needs no rights and is gone with it; what it saw is
one JSON object on standard output.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SIZE = "6m"
LIMIT_S = 200.0
FULL = "no disk space left"


def main() -> None:
    """Fills, scans, frees, scans."""
    home, program, clips = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(home)], check=True)
    os.environ["FAKESWEEP_HOME"] = str(home / "state")
    seen = {"full": _scan_on_full(home, program, clips), "filling": _scan_while_filling(home, program, clips)}
    sys.stdout.write(json.dumps(seen))


def _scan_on_full(home: Path, program: str, clips: str) -> dict[str, object]:
    _fill(home)
    done = subprocess.run([program, "scan", clips], capture_output=True, text=True, check=False)
    (home / "filler").unlink()
    return {"status": done.returncode, "said": done.stderr}


def _scan_while_filling(home: Path, program: str, clips: str) -> dict[str, object]:
    log, report = home.with_name("scan.log"), home.with_name("scan.json")
    with log.open("wb") as output:
        scan = subprocess.Popen([program, "scan", "--json", report, clips], stdout=output, stderr=output)
        _wait(lambda: _judged(program) > 0)
        _fill(home)
        _wait(lambda: FULL in log.read_text())
        was_alive = scan.poll() is None
        (home / "filler").unlink()
        status = scan.wait(LIMIT_S)
    videos = json.loads(report.read_text())["videos"]
    return {
        "status": status,
        "said": log.read_text(),
        "was_alive": was_alive,
        "states": [video["state"] for video in videos],
    }


def _judged(program: str) -> int:
    answer = subprocess.run([program, "status", "--json", "-"], capture_output=True, text=True, check=False)
    return int(json.loads(answer.stdout)["batch"]["counts"]["judged"]) if answer.returncode == 0 else 0


def _fill(home: Path) -> None:
    with (home / "filler").open("wb", buffering=0) as filler:
        for block in (65536, 512):
            try:
                while True:
                    filler.write(bytes(block))
            except OSError:
                continue


def _wait(is_so: Callable[[], bool]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not is_so():
        if time.monotonic() > end_s:
            sys.exit("waited in vain")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
