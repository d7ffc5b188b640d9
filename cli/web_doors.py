"""What the command line lends to the web application."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from db.session import Database
    from web.doors import Doors
    from worker.settings import Settings


def make_doors(settings: Settings, database: Database, send_waiting: Callable[[], None]) -> Doors:  # noqa: ARG001
    """The doors of an installation."""
    from cli.rendering.report import write_report
    from web.doors import Doors

    return Doors(
        send_waiting=send_waiting,
        write_report=lambda report, stream, format_: write_report(report, stream, format_=format_),
    )
