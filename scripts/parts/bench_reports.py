"""Times reports on a large archive: the questions that people ask of it, and its whole report written as a stream."""

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import IO, Any, cast

from rich.console import Console
from rich.table import Table

from cli.rendering.report import write_report
from db.reports import open_report
from db.session import open_database
from scripts.parts.bench_archive import BATCH_ID, count_frames, fill_archive
from scripts.parts.bench_fresh_process import cost_of
from scripts.parts.bench_installation import FOR_LOADING, fresh_installation
from scripts.parts.bench_questions import REQUIRED, time_questions
from scripts.parts.bench_web import measure_web
from worker.settings import read_settings

# With faces, indexes and the log of the load.
_BYTES_PER_VIDEO = 12_000
_SOME_VIDEOS = 2000


def measure_reports(
    *,
    videos: int,
    rounds: int,
    kind: str,
    web_seconds: float = 20.0,
    on_step: Callable[[str], None] = lambda _: None,
) -> dict[str, object]:
    """Fills an archive, asks the questions of it, serves its lists, and writes its whole report.

    Raises:
        OSError: the disk has too little space for an archive of this size.
    """
    _require_space(_BYTES_PER_VIDEO * videos)
    with fresh_installation(kind, postgres=FOR_LOADING) as environment:
        url = read_settings(environment).effective_database_url
        database = open_database(url)
        try:
            started_s = time.perf_counter()
            fill_archive(database, videos=videos, on_table=lambda name: on_step(f"filling {name}"))
            filling_s = time.perf_counter() - started_s
            on_step("asking")
            answers = time_questions(database, videos=videos, rounds=rounds)
            on_step("serving lists")
            web = measure_web(environment, videos=videos, seconds=web_seconds)
            on_step("writing whole reports")
            streams = [_stream(url, format_, limit) for format_ in ("csv", "json") for limit in (_SOME_VIDEOS, videos)]
            frames = count_frames(database)
        finally:
            database.dispose()
    return {
        "report_p95_ms": max(answers[name].p95_ms for name in REQUIRED),
        "archive": {"kind": kind, "videos": videos, "frames": frames, "filling_s": round(filling_s, 1)},
        "reports": {name: asdict(answer) for name, answer in answers.items()},
        "web": web,
        "streaming": streams,
    }


def print_reports(figures: Mapping[str, Any], console: Console) -> None:
    """One row per question, and one per whole report."""
    archive = figures["archive"]
    console.print(f"{archive['videos']:,} videos, {archive['frames']:,} frames, {archive['kind']}", highlight=False)
    questions = Table("question", "p50 ms", "p95 ms", "slowest ms", "asked")
    for name, answer in figures["reports"].items():
        questions.add_row(name, *(str(value) for value in answer.values()))
    lists = Table(*(name.replace("_", " ") for name in figures["web"] if name != "videos"), title="web lists")
    lists.add_row(*(str(value) for name, value in figures["web"].items() if name != "videos"))
    streams = Table("format", "videos", "MB", "wall s", "CPU s", "peak MB", "of that grown")
    for stream in figures["streaming"]:
        streams.add_row(*(str(value) for value in stream.values()))
    for table in (questions, lists, streams):
        for column in table.columns[1:]:
            column.justify = "right"
        console.print(table)


def _require_space(needed_bytes: int) -> None:
    place = tempfile.gettempdir()
    free_bytes = shutil.disk_usage(place).free
    if free_bytes < needed_bytes:
        raise OSError(
            f"{needed_bytes / 1e9:.0f} GB are needed in {place}, and {free_bytes / 1e9:.0f} are free: "
            "set TMPDIR to another disk, or make a smaller archive"
        )


def write_whole_report(url: str, format_: str, limit: int) -> int:
    """Writes a report of `limit` videos to nowhere; returns how many characters it has."""
    database = open_database(url)
    stream = _Counting()
    try:
        with database.read() as session:
            report = open_report(session, BATCH_ID, limit=limit, with_frames=format_ == "json")
            write_report(report, cast(IO[str], stream), format_=format_)
    finally:
        database.dispose()
    return stream.characters


class _Counting:
    """A stream that keeps nothing."""

    characters = 0

    def write(self, text: str) -> int:
        """Counts."""
        self.characters += len(text)
        return len(text)


def _stream(url: str, format_: str, limit: int) -> dict[str, object]:
    cost = asdict(cost_of(write_whole_report, url, format_, limit))
    return {"format": format_, "videos": limit, "mb": round(cost.pop("result") / 1e6, 1), **cost}
