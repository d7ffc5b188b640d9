"""The installed command with a state directory of its own, run as a subprocess."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.services import wait_until

PROGRAM = Path(sys.executable).with_name("fakesweep")
RUN_LIMIT_S = 240.0


@dataclass
class Installation:
    """A state directory, the classifier that judges, and any other settings.

    Args:
        settings: FAKESWEEP_* variables, without the prefix.
    """

    home: Path
    bundle: Path | None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of its commands: ours, without settings of the machine."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("FAKESWEEP_")}
        wanted = {"HOME": str(self.home), "CLASSIFIER": str(self.bundle or ""), **self.settings}
        # As wide as a terminal that shows whole paths.
        return {**ours, **{f"FAKESWEEP_{name}": value for name, value in wanted.items()}}

    def run(self, *arguments: str | bytes | Path, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """The finished command, with what it wrote."""
        return subprocess.run(
            [PROGRAM, *arguments],
            env=self.environ,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=RUN_LIMIT_S,
            check=False,
        )

    def start(self, *arguments: str | bytes | Path, log: Path) -> "subprocess.Popen[bytes]":
        """A command that runs on, writing to a log; stop it with `stop`."""
        with log.open("ab") as output:
            return subprocess.Popen([PROGRAM, *arguments], env=self.environ, stdout=output, stderr=output)

    def status(self) -> Mapping[str, Any]:
        """What `status --json -` says of the latest batch; empty before there is one."""
        answer = self.run("status", "--json", "-")
        found: Mapping[str, Any] = json.loads(answer.stdout) if answer.returncode == 0 else {}
        return found

    def counts(self) -> Mapping[str, int]:
        """The states of the latest batch."""
        counts: Mapping[str, int] = self.status().get("batch", {}).get("counts", {})
        return counts

    def processes(self) -> list[psutil.Process]:
        """Every process that works on this state directory."""
        return [process for process in psutil.process_iter() if _home_of(process) == str(self.home)]

    def wait_until_nothing_runs(self) -> None:
        """Waits for the last process to end; one that stays fails the test."""
        wait_until(lambda: not self.processes(), timeout_s=40, what=f"the end of {self.processes()}")


def stop(process: "subprocess.Popen[bytes]", number: int = signal.SIGTERM) -> int:
    """Signals a command, waits for its end, and returns its status."""
    process.send_signal(number)
    return process.wait(RUN_LIMIT_S)


def kill_with_children(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL for a command and all that it started, as when its container runs out of memory."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        # Some end by themselves as soon as another is gone.
        with suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()


def _home_of(process: psutil.Process) -> str | None:
    try:
        home: str | None = process.environ().get("FAKESWEEP_HOME")
    except (psutil.Error, OSError):
        return None
    return home if process.is_running() and process.status() != psutil.STATUS_ZOMBIE else None
