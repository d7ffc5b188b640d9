"""What the web application is lent by the command that starts it, as imports run from there to here only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from db.reports import Report


def _nothing() -> None:
    """Sends nothing: whoever sweeps will."""


@dataclass(frozen=True)
class Doors:
    """Functions of the command line's that the web application calls.

    Args:
        send_waiting: hands the scans that wait to the broker; what it does not take, a later sweep sends.
        write_report: writes a report as "json", "csv" or another format that `report_formats` names.
        activate: takes a classifier (id, name, version or start of a hash) through the gate, for a reason; returns
            what came of it, and raises ValueError with a message where it is refused.
        roll_back: goes back to the classifier before this one; raises ValueError where there is none.
        open_judge: loads what judges single pictures: a function from a file to what `classify --json` says of it.
    """

    send_waiting: Callable[[], None] = _nothing
    write_report: Callable[[Report, IO[str], str], object] | None = None
    report_formats: tuple[str, ...] = ("json", "csv")
    activate: Callable[[str, str | None], Mapping[str, Any]] | None = None
    roll_back: Callable[[str | None], Mapping[str, Any]] | None = None
    open_judge: Callable[[], Callable[[bytes], Mapping[str, Any]]] | None = None
