"""Delivers the results of a batch that is over: files, the table, the summary, the exit status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from cli.errors import expected_message
from cli.outcome import exit_status
from cli.rendering.output import STDOUT, open_output, refuse_shared_output

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.session import Database

# More rows are no help on a screen; `report` lists them all.
MOST_ROWS = 500


@dataclass(frozen=True)
class Targets:
    """Where results go beside the table: files, `-` for standard output, None for nowhere."""

    json_file: str | None = None
    csv_file: str | None = None
    html_file: str | None = None
    is_followed_in_json: bool = False
    """Whether JSON lines about the progress have standard output for themselves."""

    def __post_init__(self) -> None:
        refuse_shared_output(*self.files.values(), STDOUT if self.is_followed_in_json else None)

    @property
    def files(self) -> dict[str, str | None]:
        """The target of each format."""
        return {"json": self.json_file, "csv": self.csv_file, "html": self.html_file}

    @property
    def wants_table(self) -> bool:
        """Whether standard output is free for the table."""
        return STDOUT not in self.files.values() and not self.is_followed_in_json


def deliver(database: Database, batch_id: int, targets: Targets) -> int:
    """Writes every result from one moment of the database; returns the exit status of the batch."""
    from db.reports import open_report

    with database.read() as session:
        listed = _write_files(session, batch_id, targets)
        if targets.wants_table:
            listed.append(_print_table(session, batch_id))
        if not listed:
            listed.append(sum(1 for _ in open_report(session, batch_id, with_frames=False).videos))
        batch = _read_batch_head(session, batch_id)
    for hint in hints(batch):
        click.echo(hint, err=True)
    return max(exit_status(batch, listed=count) for count in listed)


def deliver_when_over(database: Database, batch_id: int, targets: Targets) -> int:
    """Follows a batch that others judge, then delivers it; returns its exit status."""
    from cli.following import follow
    from cli.progress import console_for_messages, progress_for
    from cli.stopping import stopped_by_signals

    shown = progress_for(console_for_messages(), is_json=targets.is_followed_in_json)
    with stopped_by_signals(), shown as progress:
        follow(database, batch_id, progress)
    return deliver(database, batch_id, targets)


def hints(batch: Mapping[str, Any]) -> list[str]:
    """What to do about files that got no verdict."""
    counts = batch["counts"]
    why = f"Why files are unreadable: fakesweep report {batch['id']} --state unreadable"
    again = {
        state: f"Try again what is {state}: fakesweep retry {batch['id']} --state {state}"
        for state in ("failed", "quarantined", "cancelled")
    }
    return [line for state, line in {"unreadable": why, **again}.items() if counts.get(state)]


def _write_files(session: Session, batch_id: int, targets: Targets) -> list[int]:
    from cli.batch_report import open_batch_report
    from worker.settings import read_settings

    settings = read_settings()
    listed = []
    for format_, target in targets.files.items():
        if target is None:
            continue
        try:
            with open_output(target) as stream:
                listed.append(open_batch_report(session, batch_id, settings, format_=format_)(stream))
        except BrokenPipeError:
            # Whoever read the result (`head`, say) has had enough: no error of ours.
            raise
        except OSError as error:
            again = f"fakesweep report {batch_id} --format {format_} --output FILE"
            raise click.ClickException(f"{expected_message(error)}; no verdict is lost: {again}") from error
    return listed


def _print_table(session: Session, batch_id: int) -> int:
    from cli.rendering.report_table import console_for, report_table, summary_line
    from db.reports import open_report

    report = open_report(session, batch_id, with_frames=False)
    shown = list(islice(report.videos, MOST_ROWS))
    rest = sum(1 for _ in report.videos)
    console = console_for()
    console.print(report_table(shown))
    if rest:
        console.print(f"and {rest} more: fakesweep report {batch_id}")
    console.print(summary_line(report.head["batch"]), soft_wrap=True)
    return len(shown) + rest


def _read_batch_head(session: Session, batch_id: int) -> Mapping[str, Any]:
    from db.progress import read_status

    batch: Mapping[str, Any] = read_status(session, batch_id)["batch"]
    return batch
