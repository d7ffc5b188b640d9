"""Times what queue and database add to each video: many tiny jobs through a real worker that judges for nothing."""

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from cli.engine import opened_engine
from db.batches import create_batch
from db.entries import ContentEntry, write_entries
from db.known_files import FileStamp
from db.linking import ScanWish
from db.progress import read_progress
from db.registry import register_classifier
from db.schema import upgrade_database
from db.session import Database, open_database
from scripts.parts.bench_installation import KINDS, fresh_installation, running_worker
from worker.settings import read_settings

PROCESSES = (1, 2)
_CHUNK = 500
_LONGEST_S = 3600.0
_LOOK_S = 0.1
# To find out which processes there are costs more than to ask them for their times.
_LOOK_FOR_PROCESSES_S = 1.0
# A worker says that it lives a moment before it takes up work.
_SETTLES_S = 1.0
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class QueueFigures:
    """What a run of tiny jobs came to.

    Args:
        kind: of installation.
        total_s: from the first id sent to the last verdict saved.
        sending_s: of that, until the last id was sent.
        overhead_ms_per_video: for how long one process of the worker is taken up by each video.
        cpu_ms_per_video: processor time of sender, worker, broker and database together.
    """

    kind: str
    jobs: int
    processes: int
    total_s: float
    sending_s: float
    overhead_ms_per_video: float
    cpu_ms_per_video: float


def measure_queue(*, jobs: int) -> dict[str, object]:
    """The figures of every kind of installation, with one and with two processes, and the worst overhead."""
    runs = []
    for kind in KINDS:
        for processes in PROCESSES:
            with fresh_installation(kind) as environment:
                runs.append(time_tiny_jobs(environment, kind=kind, jobs=jobs, processes=processes))
    return {
        "overhead_ms_per_video": max(run.overhead_ms_per_video for run in runs),
        "queue": [asdict(run) for run in runs],
    }


def print_queue(figures: Mapping[str, object], console: Console) -> None:
    """One row per run."""
    table = Table("installation", "jobs", "processes", "total s", "sending s", "ms per video", "CPU ms per video")
    for column in table.columns[1:]:
        column.justify = "right"
    runs = figures["queue"]
    for run in runs if isinstance(runs, list) else []:
        table.add_row(*(str(value) for value in run.values()))
    console.print(table)


def time_tiny_jobs(environment: Mapping[str, str], *, kind: str, jobs: int, processes: int) -> QueueFigures:
    """Sends `jobs` scans to a worker with so many processes, and waits until all are judged.

    Args:
        environment: the installation's FAKESWEEP_* variables.
    """
    settings = read_settings(environment)
    database = open_database(settings.effective_database_url)
    try:
        upgrade_database(database)
        batch_id = _submit(database, jobs)
        with opened_engine(settings, database) as engine, _worker_for_nothing(database, environment, processes):
            processor = _ProcessorTime()
            started_s = time.perf_counter()
            engine.send_waiting()
            sent_s = time.perf_counter()
            with engine.sweeping() as check:
                _wait_until_judged(database, batch_id, check, processor.look)
            total_s = time.perf_counter() - started_s
            processor.look()
    finally:
        database.dispose()
    return QueueFigures(
        kind,
        jobs,
        processes,
        total_s=round(total_s, 2),
        sending_s=round(sent_s - started_s, 2),
        overhead_ms_per_video=round(1000 * total_s * processes / jobs, 2),
        cpu_ms_per_video=round(1000 * processor.used_s / jobs, 2),
    )


class _ProcessorTime:
    """What this process and all that it started use from now on; what ends between two looks is missed in part."""

    def __init__(self) -> None:
        self._processes: list[psutil.Process] = []
        self._found_s = -math.inf
        self._before = self._read()
        self._latest = dict(self._before)

    def look(self) -> None:
        """Reads every clock once more."""
        self._latest |= self._read()

    @property
    def used_s(self) -> float:
        """Processor seconds until the last look."""
        return sum(used_s - self._before.get(pid, 0.0) for pid, used_s in self._latest.items())

    def _read(self) -> dict[int, float]:
        if time.monotonic() - self._found_s >= _LOOK_FOR_PROCESSES_S:
            this = psutil.Process()
            self._processes = [this, *this.children(recursive=True)]
            self._found_s = time.monotonic()
        used: dict[int, float] = {}
        for process in self._processes:
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            used[process.pid] = times.user + times.system
        return used


def _submit(database: Database, jobs: int) -> int:
    manifest = {"name": "bench", "version": "1", "thresholds": {"mean": {"real_below": 0.3, "fake_from": 0.8}}}
    with database.begin() as session:
        classifier_id = register_classifier(session, manifest=manifest, path="/bench", sha256="0" * 64)
        options = {"preset": "standard", "frames": 16, "max_frames": 256, "aggregate": "mean"}
        batch_id = create_batch(session, name="bench", classifier_id=classifier_id, options=options, priority="bulk")
    wish = ScanWish(classifier_id, frames=16, max_frames=256, priority="bulk")
    for first in range(0, jobs, _CHUNK):
        chunk = [_entry(number) for number in range(first, min(first + _CHUNK, jobs))]
        with database.begin() as session:
            write_entries(session, batch_id, wish, chunk)
    return batch_id


def _entry(number: int) -> ContentEntry:
    stamp = FileStamp(b"/bench/%08d.mp4" % number, size_bytes=1_000_000, mtime_ns=1)
    return ContentEntry(number, stamp, f"{number:064x}", mtime_ns=1)


@contextmanager
def _worker_for_nothing(database: Database, environment: Mapping[str, str], processes: int) -> Iterator[None]:
    command = [sys.executable, "-P", "-m", "scripts.parts.bench_worker", str(processes)]
    with running_worker(command, {**environment, "PYTHONPATH": str(_ROOT)}, database):
        time.sleep(_SETTLES_S)
        yield


def _wait_until_judged(database: Database, batch_id: int, check: Callable[[], None], look: Callable[[], None]) -> None:
    deadline_s = time.monotonic() + _LONGEST_S
    while True:
        check()
        look()
        with database.read() as session:
            counts = read_progress(session, batch_id).counts
        if counts.keys() == {"judged"}:
            return
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"the tiny jobs were not judged within {_LONGEST_S:g} s: {counts}")
        time.sleep(_LOOK_S)
