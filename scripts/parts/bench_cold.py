"""Measures a cold start: what a first `fakesweep scan` of a short clip takes longer than a warm worker."""

import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from db.session import open_database
from scripts.parts.bench_installation import fresh_installation, running_worker
from scripts.parts.servers import wait_until
from worker.settings import read_settings

_ROUNDS = 3
_LONGEST_S = 300.0
_DATABASE_FILE = "fakesweep.db"


@dataclass(frozen=True)
class Times:
    """Seconds of one command: until a verdict was stored, and until it ended."""

    to_verdict_s: float
    to_end_s: float


def measure_cold(path: bytes, *, on_step: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Scans the clip in new homes, and submits it to a warm worker, the same number of times.

    Both are timed from the command's start until its verdict is stored: a warm worker's command has to start too.
    """
    on_step("cold starts")
    cold = [_time_cold(path) for _ in range(_ROUNDS)]
    on_step("the same in a warm worker")
    warm = _time_warm(path, rounds=_ROUNDS)
    medians = {
        "to_verdict_s": statistics.median(times.to_verdict_s for times in cold),
        "to_end_s": statistics.median(times.to_end_s for times in cold),
        "warm_to_verdict_s": statistics.median(times.to_verdict_s for times in warm),
    }
    return {
        "cold_start_extra_s": round(medians["to_verdict_s"] - medians["warm_to_verdict_s"], 3),
        "cold": {name: round(seconds, 3) for name, seconds in medians.items()},
    }


def print_cold(figures: Mapping[str, Any], console: Console) -> None:
    """One line."""
    cold = figures["cold"]
    console.print(
        f"A first scan: {cold['to_verdict_s']} s to the verdict, {cold['to_end_s']} s to the end; "
        f"a warm worker: {cold['warm_to_verdict_s']} s; the start adds {figures['cold_start_extra_s']} s.",
        highlight=False,
    )


def _time_cold(path: bytes) -> Times:
    with tempfile.TemporaryDirectory(prefix="fsb-cold-") as home:
        return _time(["scan", "--", path], {"FAKESWEEP_HOME": home}, Path(home) / _DATABASE_FILE, verdicts=1)


def _time_warm(path: bytes, *, rounds: int) -> list[Times]:
    with fresh_installation("embedded") as environment:
        settings = read_settings(environment)
        subprocess.run(_command(["db", "upgrade"]), env={**os.environ, **environment}, capture_output=True, check=True)
        database = open_database(settings.effective_database_url)
        file = settings.home / _DATABASE_FILE
        try:
            with running_worker([*_command(["worker", "--concurrency", "1"])], environment, database):
                submit: list[str | bytes] = ["submit", "--force", "--priority", "interactive", "--", path]
                times = [_time(submit, environment, file, verdicts=number + 1) for number in range(rounds + 1)]
        finally:
            database.dispose()
    # The first of them warmed the worker.
    return times[1:]


def _command(words: Sequence[str | bytes]) -> list[str | bytes]:
    return [str(Path(sys.executable).with_name("fakesweep")), *words]


def _time(words: Sequence[str | bytes], environment: Mapping[str, str], file: Path, *, verdicts: int) -> Times:
    """Runs a command, and looks into the database file until it holds so many verdicts."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("FAKESWEEP_")}
    started_s = time.perf_counter()
    with subprocess.Popen(
        _command(words),
        env={**own, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_until(lambda: _count_verdicts(file) >= verdicts, timeout_s=_LONGEST_S, what="a verdict")
        to_verdict_s = time.perf_counter() - started_s
        process.wait()
    return Times(to_verdict_s, time.perf_counter() - started_s)


def _count_verdicts(file: Path) -> int:
    if not file.exists():
        return 0
    # Read-only, so that looking never makes a file nor holds a lock for long; there may be no table yet.
    with suppress(sqlite3.OperationalError):
        connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
        try:
            return int(
                connection.execute("SELECT count(*) FROM scans WHERE state IN ('judged', 'no_face')").fetchone()[0]
            )
        finally:
            connection.close()
    return 0
