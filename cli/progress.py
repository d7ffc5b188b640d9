"""Shows on standard error how a batch gets on: bars while a person looks, plain lines otherwise."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import click
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.rendering.names import display_name
from cli.rendering.report_json import to_json
from cli.rendering.units import counted, format_rate, format_remaining

if TYPE_CHECKING:
    from db.progress import RunningScan
    from scheduler.follow import View

# Plain lines come no more often than this, so that the log of a long batch stays readable.
LINE_EVERY_S = 5.0

_LONGEST_LIST = 16
_BAR_WIDTH = 32


class Progress(Protocol):
    """Something that can show a submission and then a batch; use it as a context manager."""

    def __enter__(self) -> Progress: ...

    def __exit__(self, *exc_info: object) -> None: ...

    def reading(self, found: int) -> None:
        """Files are being found and hashed; `found` so far."""

    def judging(self, view: View, *, workers: int) -> None:
        """The batch as it stands now, and how many workers are alive."""


def progress_for(console: Console) -> Progress:
    """Bars where the console is a terminal, plain lines otherwise."""
    return LiveProgress(console) if console.is_terminal else LineProgress()


def console_for_messages() -> Console:
    """Standard error, for all that is not a result."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


@dataclass
class LineProgress:
    """Plain lines, at most one every few seconds, and one when all is done."""

    every_s: float = LINE_EVERY_S
    _last_line_at: float = float("-inf")
    _last_line: str = ""

    def __enter__(self) -> LineProgress:
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Nothing is held."""

    def reading(self, found: int) -> None:
        """One line about the files read so far."""
        self._say(f"Reading files: {found} found", now=time.monotonic())

    def judging(self, view: View, *, workers: int) -> None:
        """One line about the batch."""
        line = progress_line(view, workers=workers)
        self._say(line, now=time.monotonic(), is_last=view.progress.is_finished)

    def _say(self, line: str, *, now: float, is_last: bool = False) -> None:
        if line == self._last_line or (now - self._last_line_at < self.every_s and not is_last):
            return
        self._last_line, self._last_line_at = line, now
        click.echo(line, err=True)


@dataclass
class JsonProgress:
    """One JSON object a line on standard output, whenever something has changed."""

    _last: str = ""

    def __enter__(self) -> JsonProgress:
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Nothing is held."""

    def reading(self, found: int) -> None:
        """How many files were found so far."""
        self._say({"reading": found})

    def judging(self, view: View, *, workers: int) -> None:
        """The batch, and what runs."""
        self._say(progress_json(view, workers=workers))

    def _say(self, told: Mapping[str, Any]) -> None:
        line = to_json(told)
        if line != self._last:
            self._last = line
            click.echo(line)


@dataclass
class LiveProgress:
    """A bar with rate and time left, and one line per video under way."""

    console: Console
    _live: Live | None = None

    def __enter__(self) -> LiveProgress:
        self._live = Live(console=self.console, refresh_per_second=4, transient=True)
        self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Takes the bar away, so that results and messages stand alone."""
        if self._live:
            self._live.stop()

    def reading(self, found: int) -> None:
        """How many files were found so far."""
        self._show(Text(f"Reading files: {found} found"))

    def judging(self, view: View, *, workers: int) -> None:
        """The bar, and under it what each worker does."""
        self._show(progress_picture(view, workers=workers))

    def _show(self, picture: Group | Text) -> None:
        if self._live:
            self._live.update(picture)


def progress_line(view: View, *, workers: int) -> str:
    """The batch as one plain line."""
    line = f"{view.progress.finished} of {counted(view.progress.submitted, 'video')} done"
    if view.progress.is_finished:
        return line
    if not workers and not view.running:
        return f"{line}, waiting for a worker"
    return f"{line}, {len(view.running)} running, {format_rate(view.rate_per_s)}, {_left(view)}"


def progress_json(view: View, *, workers: int) -> dict[str, Any]:
    """The batch for programs; `path` as in the report."""
    from db.findings import describe_path

    return {
        "submitted": view.progress.submitted,
        "finished": view.progress.finished,
        "is_finished": view.progress.is_finished,
        "counts": view.progress.counts,
        "rate_per_s": view.rate_per_s,
        "eta_s": view.eta_s,
        "workers": workers,
        "running": [
            {**describe_path(one.path), "worker": one.worker, "stage": one.stage, "progress": one.progress}
            for one in view.running
        ],
    }


def progress_picture(view: View, *, workers: int) -> Group:
    """The batch as a bar, with one line per video under way."""
    done, total = view.progress.finished, view.progress.submitted
    head = Table.grid(padding=(0, 2))
    head.add_row(
        ProgressBar(total=max(total, 1), completed=done, width=_BAR_WIDTH),
        Text(f"{done}/{total}"),
        Text(format_rate(view.rate_per_s)),
        Text(_left(view)),
        Text(counted(workers, "worker") if workers else "waiting for a worker"),
    )
    return Group(head, Text(_counts(view), style="dim"), _running_table(view.running))


def _left(view: View) -> str:
    return "time left unknown" if view.eta_s is None else f"{format_remaining(view.eta_s)} left"


def _counts(view: View) -> str:
    """How many are in which state, such as "12 judged, 3 queued"."""
    return ", ".join(f"{count} {state}" for state, count in view.progress.counts.items() if count)


def _running_table(running: Sequence[RunningScan]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True, overflow="ellipsis")
    for video in running[:_LONGEST_LIST]:
        name = display_name(video.path.rsplit(b"/", 1)[-1])
        stage = display_name(video.stage or "starting")
        table.add_row(Text(display_name(video.worker)), Text(stage), Text(f"{video.progress:.0%}"), Text(name))
    if len(running) > _LONGEST_LIST:
        table.add_row(Text(f"and {len(running) - _LONGEST_LIST} more"), "", "", "")
    return table
