"""The report of a batch, in whatever format: opened first, so that a wish that does not fit is told, then written."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from worker.settings import Settings


def open_batch_report(
    session: Session, batch_id: int, settings: Settings, *, format_: str, **wanted: Any
) -> Callable[[IO[str]], int]:
    """Begins the report as "table", "json", "csv" or "html"; what it gives writes it, and returns how many videos.

    Args:
        session: of `Database.read`, so that all of it is of one moment.
        settings: say where the faces are kept.
        wanted: aggregate, thresholds, state, verdict and limit, as `db.reports.open_report` takes them.

    Raises:
        LookupError: there is no such batch.
        ValueError: an aggregation that nobody knows.
    """
    from cli.evidence_report import write_batch_page
    from cli.rendering.report import write_report
    from db.reports import open_report

    report = open_report(session, batch_id, **wanted, with_frames=format_ == "json", with_timelines=format_ == "table")
    if format_ == "html":
        return lambda stream: write_batch_page(session, batch_id, stream, settings, **wanted)
    return lambda stream: write_report(report, stream, format_=format_)
