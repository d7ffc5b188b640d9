"""Scans while TMPDIR is full, and while it fills: `unshare -rm python on_small_tmp.py TMP PROGRAM CLIPS`.

It runs in a mount namespace of its own, so that the small disk is gone with it; what it saw is one JSON object on
standard output. Full means that there is neither a block nor a name left.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

OPTIONS = "size=4m,nr_inodes=200"
LIMIT_S = 200.0


def main() -> None:
    """Scans on a full one, then fills one under a scan."""
    small, program, clips = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    subprocess.run(["mount", "-t", "tmpfs", "-o", OPTIONS, "tmpfs", str(small)], check=True)
    os.environ["TMPDIR"] = str(small)
    seen = {"full": _scan_on_full(small, program, clips), "filling": _scan_while_filling(small, program, clips)}
    sys.stdout.write(json.dumps(seen))


def _scan_on_full(small: Path, program: str, clips: str) -> dict[str, object]:
    _fill(small)
    done = subprocess.run([program, "scan", clips], capture_output=True, text=True, check=False)
    _free(small)
    return {"status": done.returncode, "said": done.stdout + done.stderr}


def _scan_while_filling(small: Path, program: str, clips: str) -> dict[str, object]:
    log, report = small.with_name("scan.log"), small.with_name("scan.json")
    with log.open("wb") as output:
        scan = subprocess.Popen([program, "scan", "--force", "--json", report, clips], stdout=output, stderr=output)
        _wait(lambda: _judged(program) > 0)
        _fill(small)
        # Long enough for a lease to run out, were nobody there to renew it.
        with suppress(subprocess.TimeoutExpired):
            scan.wait(10)
        _free(small)
        status = scan.wait(LIMIT_S)
    videos = json.loads(report.read_text())["videos"]
    return {"status": status, "said": log.read_text(), "states": [video["state"] for video in videos]}


def _judged(program: str) -> int:
    answer = subprocess.run([program, "status", "--json", "-"], capture_output=True, text=True, check=False)
    return int(json.loads(answer.stdout)["batch"]["counts"]["judged"]) if answer.returncode == 0 else 0


def _fill(small: Path) -> None:
    with (small / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4096))
    with suppress(OSError):
        for number in range(1000):
            (small / f"filler-{number}").touch()


def _free(small: Path) -> None:
    for path in small.glob("filler*"):
        path.unlink()


def _wait(is_so: Callable[[], bool]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not is_so():
        if time.monotonic() > end_s:
            sys.exit("waited in vain")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
