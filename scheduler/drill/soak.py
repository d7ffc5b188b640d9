"""Judges thousands of short videos and watches what could grow: memory, open files, the broker's keys."""

import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median
from typing import Any

import psutil

from db.errors import DatabaseUnavailableError
from db.holders import count_states
from db.invariants import find_violations
from scheduler.drill.clips import draw_clips, score_of
from scheduler.drill.crew import Crew
from scheduler.drill.installation import Installation, Process, family_of
from scheduler.drill.messages import Messages
from worker.broker import use_broker

PER_FOLDER = 500
STALLED_AFTER_S = 120.0
SAMPLE_EVERY_S = 2.0
STOP_LIMIT_S = 60.0
# A program grows by some megabytes in its first minute, and Python's own caches with it; a leak grows on and on.
_ALLOWED_GROWTH = 0.10
_ALLOWED_BYTES = 16_000_000
_ALLOWED_COUNT = 4


@dataclass(frozen=True)
class Gauge:
    """One thing that was watched: its median in the second fifth of the scans, and in the last."""

    name: str
    early: float
    late: float

    @property
    def is_flat(self) -> bool:
        """Whether it did not grow by more than chance."""
        allowed = _ALLOWED_BYTES if self.name.endswith("bytes") else _ALLOWED_COUNT
        return self.late <= self.early + max(allowed, _ALLOWED_GROWTH * self.early)


@dataclass(frozen=True)
class Soaked:
    """What a soak came to."""

    scans: int
    database: str
    seconds: float
    gauges: tuple[Gauge, ...]
    complaints: tuple[str, ...]

    @property
    def is_passed(self) -> bool:
        """Whether nothing grew, and every scan has its verdict."""
        return not self.complaints and all(gauge.is_flat for gauge in self.gauges)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        gauges = {
            gauge.name: {"early": gauge.early, "late": gauge.late, "flat": gauge.is_flat} for gauge in self.gauges
        }
        return {
            "passed": self.is_passed,
            "scans": self.scans,
            "database": self.database,
            "seconds": round(self.seconds, 1),
            "gauges": gauges,
            "complaints": list(self.complaints),
        }


def run_soak(
    installation: Installation, *, scans: int, concurrency: int, seed: int, tell: Callable[[str], None]
) -> Soaked:
    """Judges so many short videos with one worker; nothing of it runs afterwards."""
    clips = draw_clips(
        installation.folder / "videos",
        ["clip"] * scans,
        seed=seed,
        per_folder=PER_FOLDER,
        ffmpeg=installation.settings.ffmpeg,
    )
    crew = Crew(installation, workers=1, concurrency=concurrency, longest_s=0.0)
    for folder in dict.fromkeys(clip.path.parent for clip in clips):
        crew.submit(folder)
    started_s = time.monotonic()
    with use_broker(installation.settings) as broker:
        messages = Messages(installation.settings, broker.url, scans=scans)
        try:
            samples = _watch(installation, crew, messages, scans, tell)
            complaints = _stop(crew)
        finally:
            installation.end_everything()
    with installation.database.read() as session:
        findings = find_violations(
            session,
            expected=[os.fsencode(clip.path) for clip in clips],
            poison=(),
            scores={clip.sha256: score_of(clip.sha256) for clip in clips},
        )
    complaints += [f"{name}: {line}" for name, lines in vars(findings).items() for line in lines]
    return Soaked(
        scans,
        "SQLite" if installation.database.is_sqlite else "PostgreSQL",
        time.monotonic() - started_s,
        compare(samples, scans=scans),
        tuple(complaints),
    )


Sample = tuple[int, dict[str, float]]
"""How many scans were done, and each thing that was watched."""


def compare(samples: Sequence[Sample], *, scans: int) -> tuple[Gauge, ...]:
    """The gauges of a run: the second fifth against the last."""
    early: defaultdict[str, list[float]] = defaultdict(list)
    late: defaultdict[str, list[float]] = defaultdict(list)
    for done, values in samples:
        part = early if 0.2 <= done / scans < 0.4 else late if done / scans >= 0.8 else None
        if part is not None:
            for name, value in values.items():
                part[name].append(value)
    return tuple(Gauge(name, median(early[name]), median(late[name])) for name in early if name in late)


def _watch(
    installation: Installation, crew: Crew, messages: Messages, scans: int, tell: Callable[[str], None]
) -> list[Sample]:
    samples: list[Sample] = []
    done, moved_s = 0, time.monotonic()
    every_s = SAMPLE_EVERY_S if scans > PER_FOLDER else SAMPLE_EVERY_S / 10
    while done < scans and time.monotonic() - moved_s < STALLED_AFTER_S:
        crew.look_after()
        time.sleep(every_s)
        with suppress(DatabaseUnavailableError), installation.database.read() as session:
            before, done = done, count_states(session).get("judged", 0)
            moved_s = time.monotonic() if done != before else moved_s
        samples.append((done, _measure(crew, messages)))
        tell(f"{done} of {scans} done")
    return samples


def _measure(crew: Crew, messages: Messages) -> dict[str, float]:
    values: dict[str, float | None] = {
        "broker keys": messages.count_keys(),
        "broker bytes": messages.memory_bytes(),
        **_size("worker", family_of(crew.workers[0].pid)[:1]),
        # The processes of a pool are replaced after some hundred scans each; only how large they get counts.
        **_size("pool", family_of(crew.workers[0].pid)[1:]),
        **_size("scheduler", family_of_one(crew.scheduler)),
    }
    return {name: value for name, value in values.items() if value is not None}


def family_of_one(process: Process) -> list[psutil.Process]:
    """The process, if it runs."""
    return [psutil.Process(process.pid)] if process.is_running else []


def _size(name: str, processes: Sequence[psutil.Process]) -> dict[str, float | None]:
    try:
        resident = [process.memory_info().rss for process in processes]
        files = [process.num_fds() for process in processes]
    except psutil.Error:
        return {}
    return {f"{name} bytes": max(resident, default=None), f"{name} open files": max(files, default=None)}


def _stop(crew: Crew) -> list[str]:
    try:
        crew.stop(limit_s=STOP_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        return [f"{error}"]
    return [f"ended by itself: {how}" for how in crew.ended_by_themselves]
