"""Disks of a few megabytes that tests fill: in a mount namespace of its own each, so that none outlives its test.

A test starts a driver by `run_driver`; the driver mounts a `SmallDisk`, fills and frees it while something runs on it,
and prints what it saw as one JSON object.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# PostgreSQL does not run as root: whoever is not root stays who he is, and may mount in a namespace of his own.
NAMESPACE = ["--mount"] if os.geteuid() == 0 else ["--map-current-user", "--keep-caps", "--mount"]
_NAMES = 1000


class SmallDisk:
    """A file system in memory, mounted on a directory.

    Args:
        path: the directory, which exists.
        options: of the mount, such as `size=4m,nr_inodes=200`.
    """

    def __init__(self, path: Path, options: str) -> None:
        self.path = path
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], check=True)

    def fill(self, *, with_names: bool = False) -> None:
        """Leaves no block, and `with_names` no name either where there are at most a thousand."""
        with (self.path / "filler").open("wb", buffering=0) as filler:
            for block in (65536, 512):
                with suppress(OSError):
                    while True:
                        filler.write(bytes(block))
        if with_names:
            with suppress(OSError):
                for number in range(_NAMES):
                    (self.path / f"filler-{number}").touch()

    def free(self) -> None:
        """Takes away what `fill` left."""
        for path in self.path.glob("filler*"):
            path.unlink()


def run_driver(module: str, *arguments: object, environment: Mapping[str, str], timeout_s: float) -> dict[str, Any]:
    """Runs a driver as a module, in a namespace of its own; what it printed."""
    done = subprocess.run(
        ["unshare", *NAMESPACE, sys.executable, "-P", "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen
