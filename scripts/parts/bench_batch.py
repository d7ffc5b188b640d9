"""Measures a whole batch as people run it, through queue, worker and database, beside the limit of the machine."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from db.batches import find_batch
from db.progress import read_progress
from db.session import Database, open_database
from db.tables.batches import Entry
from db.tables.scans import Scan
from scripts.parts.bench_installation import fresh_installation, held, running_worker
from scripts.parts.bench_limit import measure_alone
from scripts.parts.bench_machine import usable_cores
from scripts.parts.servers import wait_until
from worker.settings import read_settings

_LONGEST_S = 3600.0
_WARM_UP_FRAMES = 2
# The database's clock measures; whoever looks more often takes from what is measured.
_LOOK_S = 0.5
_ENDED = {"judged", "no_face", "unreadable", "failed", "quarantined", "cancelled"}


def measure_batch(
    paths: Sequence[bytes], *, frames: int, kind: str, rounds: int = 3, on_step: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Judges the videos with a warm worker of one process and of one per core, and measures the limit of each.

    Batch and limit are measured in turn, several times, as a machine is not always equally fast: the ratio is the
    median of the rounds' own ratios.

    Args:
        frames: per video.
        kind: of installation.
    """
    runs = []
    for processes in sorted({1, max(2, usable_cores())}):
        measured = []
        for number in range(rounds):
            on_step(f"judging with {processes} processes, round {number + 1} of {rounds}, and their limit")
            measured.append(_measure_round(paths, frames=frames, kind=kind, processes=processes))
        runs.append({"processes": processes, **_medians(measured), "rounds": measured})
    return {"ratio_to_limit": runs[-1]["ratio_to_limit"], "batch": runs}


def _measure_round(paths: Sequence[bytes], *, frames: int, kind: str, processes: int) -> dict[str, Any]:
    with fresh_installation(kind) as environment:
        counts, whole_s = _time_batch(paths, environment, frames=frames, processes=processes)
    alone = measure_alone(paths, frames=frames, processes=processes)
    limit_s = alone.total_s / processes
    return {
        "counts": counts,
        "whole_s": round(whole_s, 3),
        "limit_s": round(limit_s, 3),
        "ratio_to_limit": round(whole_s / limit_s, 3) if limit_s else None,
        "alone": asdict(alone),
    }


def _medians(measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def middle(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return round(median(known), 3) if known else None

    figures = {name: middle(one[name] for one in measured) for name in ("whole_s", "limit_s", "ratio_to_limit")}
    alone = {name: middle(one["alone"][name] for one in measured) for name in measured[0]["alone"]}
    count, whole_s = sum(measured[0]["counts"].values()), figures["whole_s"]
    return {
        "counts": measured[0]["counts"],
        **figures,
        "videos_per_minute": round(60 * count / whole_s, 1) if whole_s else None,
        "alone": alone,
    }


def print_batch(figures: Mapping[str, Any], console: Console) -> None:
    """One row per number of processes."""
    columns = ("whole_s", "limit_s", "ratio_to_limit")
    parts = ("judging_s", "decode_s", "detect_s", "classify_s")
    table = Table("processes", "whole s", "limit s", "ratio", "of the rounds", "videos a minute", "judging s", *(
        f"{part.removesuffix('_s')} alone s" for part in parts[1:]
    ))  # fmt: skip
    for column in table.columns:
        column.justify = "right"
    for run in figures["batch"]:
        table.add_row(
            str(run["processes"]),
            *(str(run[name]) for name in columns),
            " ".join(str(one["ratio_to_limit"]) for one in run["rounds"]),
            str(run["videos_per_minute"]),
            *(f"{run['alone'][name]:.2f}" for name in parts),
        )
    console.print(table)


def _time_batch(
    paths: Sequence[bytes], environment: Mapping[str, str], *, frames: int, processes: int
) -> tuple[dict[str, int], float]:
    """How the videos ended, and the seconds from the first claim to the last verdict, by the database's clock."""
    fakesweep = Path(sys.executable).with_name("fakesweep")
    variables = {**os.environ, **environment}
    subprocess.run(
        [fakesweep, "db", "upgrade"], env=variables, stdin=subprocess.DEVNULL, capture_output=True, check=True
    )
    database = open_database(read_settings(environment).effective_database_url)
    try:
        with running_worker([fakesweep, "worker", "--concurrency", str(processes)], environment, database) as worker:
            for name, count in (("warm-up", _WARM_UP_FRAMES), ("measured", frames)):
                command: list[str | bytes | Path] = [fakesweep, "submit", "--batch", name, "--frames", str(count)]
                # Submitting is a part of its own: here all is queued before the first video is judged.
                with held(worker):
                    subprocess.run(
                        [*command, "--", *paths],
                        env=variables,
                        stdin=subprocess.DEVNULL,
                        capture_output=True,
                        check=True,
                    )
                counts = wait_until_ended(database, name)
        return counts, seconds_of(database, "measured")
    finally:
        database.dispose()


def wait_until_ended(database: Database, name: str) -> dict[str, int]:
    """Waits for the end of the batch of that name; its counts by state."""
    counts: dict[str, int] = {}

    def is_over() -> bool:
        nonlocal counts
        with database.read() as session:
            batch = find_batch(session, name)
            progress = read_progress(session, batch.id) if batch else None
        counts = dict(progress.counts) if progress else {}
        return progress is not None and progress.is_submitted and counts.keys() <= _ENDED

    wait_until(is_over, timeout_s=_LONGEST_S, what=f"the end of the batch {name}", every_s=_LOOK_S)
    return counts


def seconds_of(database: Database, name: str) -> float:
    """From the first claim of the batch of that name to its last verdict, by the database's clock."""
    with database.read() as session:
        batch = find_batch(session, name)
        if batch is None:
            raise LookupError(f"no batch is called {name!r}")
        seconds = session.scalar(
            select(func.max(Scan.finished_at) - func.min(Scan.started_at))
            .join(Entry, Entry.scan_id == Scan.id)
            .where(Entry.batch_id == batch.id)
        )
    return float(seconds or 0.0)
