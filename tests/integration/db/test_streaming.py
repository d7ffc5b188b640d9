"""However large a batch is, its report and its submission need the same memory."""

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.rendering.report import write_report
from db import reports
from db.reports import open_report
from db.session import Database
from scheduler import reading, submission
from scheduler.submission import SubmitOptions, submit
from scripts.parts.bench_archive import BATCH_ID, fill_archive
from tests.seeding import seed_classifier

# Pages differ in their number of frames, and caches fill.
SLACK_BYTES = 400_000


class Counting:
    """A stream that keeps nothing."""

    def __init__(self) -> None:
        self.length = 0

    def write(self, text: str) -> int:
        """Counts the characters."""
        self.length += len(text)
        return len(text)


def _peak_bytes(work: Callable[[], object]) -> int:
    """The most that Python held while it did the work, beyond what it held before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["json", "csv"])
def test_a_report_is_written_in_constant_memory(
    database: Database, format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times as many videos make a report ten times as long, and need no more memory."""
    monkeypatch.setattr(reports, "_PAGE", 40)
    monkeypatch.setattr(reports, "_PAGE_WITH_FRAMES", 5)
    fill_archive(database, videos=1000)
    lengths = []

    def write(limit: int) -> None:
        stream = Counting()
        with database.read() as session:
            report = open_report(session, BATCH_ID, limit=limit, with_frames=format_ == "json")
            assert write_report(report, stream, format_=format_) == limit  # type: ignore[arg-type]
        lengths.append(stream.length)

    write(100)
    few, many = (_peak_bytes(lambda limit=limit: write(limit)) for limit in (100, 1000))  # type: ignore[misc]

    assert many - few < SLACK_BYTES
    assert lengths[2] > 8 * lengths[1] > 8 * 10_000


@pytest.mark.slow
def test_files_are_submitted_in_constant_memory(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times as many files, new or known, need no more memory."""
    monkeypatch.setattr(submission, "_CHUNK_ENTRIES", 40)
    monkeypatch.setattr(reading, "_AHEAD", 20)
    classifier_id = seed_classifier(database)
    for number in range(1000):
        path = tmp_path / "many" / f"{number // 100}" / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number)
        os.utime(path, (1.6e9, 1.6e9))

    def submit_folder(folder: str) -> None:
        options = SubmitOptions(preset="standard", frames=16)
        submit(database, [str(tmp_path / folder)], name=None, options=options, classifier_id=classifier_id)

    submit_folder("many/0")
    few, many, known = (_peak_bytes(lambda path=path: submit_folder(path)) for path in ("many/1", "many", "many"))  # type: ignore[misc]

    assert max(many, known) - few < SLACK_BYTES
