"""Writes a report in the format that was asked for, while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from cli.rendering.report_csv import write_report_csv
from cli.rendering.report_json import write_report_json
from cli.rendering.report_table import console_for, report_table, summary_line

if TYPE_CHECKING:
    from db.reports import Report


def write_report(report: Report, stream: IO[str], *, format_: str) -> int:
    """Writes the report as "json", "csv" or "table"; returns how many videos it listed."""
    videos = _Counted(report.videos)
    if format_ == "json":
        write_report_json(report.head, videos, stream)
    elif format_ == "csv":
        write_report_csv(videos, stream)
    else:
        console = console_for(stream)
        console.print(report_table(videos, timelines_in=console.encoding))
        console.print(summary_line(report.head["batch"]))
    return videos.count


class _Counted:
    """Counts what passes."""

    def __init__(self, items: Iterator[dict[str, Any]]) -> None:
        self._items = items
        self.count = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for item in self._items:
            self.count += 1
            yield item
