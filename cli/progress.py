"""Shows on standard error how a batch gets on: bars while a person looks, plain lines otherwise."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import click
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.rate import RateMeter
from cli.rendering.names import display_name
from cli.rendering.units import counted, format_rate, format_remaining

# Plain lines come no more often than this, so that the log of a long batch stays readable.
LINE_EVERY_S = 5.0

_WAITING = ("queued", "running")
_LONGEST_LIST = 16
_BAR_WIDTH = 32


@dataclass(frozen=True)
class RunningVideo:
    """A video under way: who judges it, where it lies, the stage (None before the first), progress 0..1."""

    worker: str
    path: bytes
    stage: str | None
    progress: float | None


@dataclass(frozen=True)
class Snapshot:
    """A batch at one moment.

    Args:
        submitted: its entries.
        counts: entries by state; their sum is `submitted`.
        running: the videos under way, by worker.
        workers: workers that say they are alive.
    """

    submitted: int
    counts: Mapping[str, int]
    running: tuple[RunningVideo, ...] = ()
    workers: int = 0

    @property
    def done(self) -> int:
        """Entries whose state is final."""
        return self.submitted - sum(self.counts.get(state, 0) for state in _WAITING)

    @property
    def is_over(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return self.done == self.submitted


class Progress(Protocol):
    """Something that can show a submission and then a batch; use it as a context manager."""

    def __enter__(self) -> "Progress": ...

    def __exit__(self, *exc_info: object) -> None: ...

    def reading(self, found: int) -> None:
        """Files are being found and hashed; `found` so far."""

    def judging(self, snapshot: Snapshot) -> None:
        """The batch as it stands now."""


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
    _meter: RateMeter = field(default_factory=RateMeter)
    _last_line_at: float = float("-inf")
    _last_line: str = ""

    def __enter__(self) -> "LineProgress":
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Nothing is held."""

    def reading(self, found: int) -> None:
        """One line about the files read so far."""
        self._say(f"Reading files: {found} found", now=time.monotonic())

    def judging(self, snapshot: Snapshot) -> None:
        """One line about the batch."""
        now = time.monotonic()
        self._meter.note(now, snapshot.done)
        self._say(progress_line(snapshot, self._meter), now=now, is_last=snapshot.is_over)

    def _say(self, line: str, *, now: float, is_last: bool = False) -> None:
        if line == self._last_line or (now - self._last_line_at < self.every_s and not is_last):
            return
        self._last_line, self._last_line_at = line, now
        click.echo(line, err=True)


@dataclass
class LiveProgress:
    """A bar with rate and time left, and one line per video under way."""

    console: Console
    _meter: RateMeter = field(default_factory=RateMeter)
    _live: Live | None = None

    def __enter__(self) -> "LiveProgress":
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

    def judging(self, snapshot: Snapshot) -> None:
        """The bar, and under it what each worker does."""
        self._meter.note(time.monotonic(), snapshot.done)
        self._show(progress_picture(snapshot, self._meter))

    def _show(self, picture: Group | Text) -> None:
        if self._live:
            self._live.update(picture)


def progress_line(snapshot: Snapshot, meter: RateMeter) -> str:
    """The batch as one plain line."""
    line = f"{snapshot.done} of {counted(snapshot.submitted, 'video')} done"
    if snapshot.is_over:
        return line
    parts = [line, f"{snapshot.counts.get('running', 0)} running", format_rate(meter.per_second)]
    left = meter.remaining_s(snapshot.submitted - snapshot.done)
    return ", ".join([*parts, f"{format_remaining(left)} left" if left is not None else "time left unknown"])


def progress_picture(snapshot: Snapshot, meter: RateMeter) -> Group:
    """The batch as a bar, with one line per video under way."""
    left = meter.remaining_s(snapshot.submitted - snapshot.done)
    head = Table.grid(padding=(0, 2))
    head.add_row(
        ProgressBar(total=max(snapshot.submitted, 1), completed=snapshot.done, width=_BAR_WIDTH),
        Text(f"{snapshot.done}/{snapshot.submitted}"),
        Text(format_rate(meter.per_second)),
        Text(f"{format_remaining(left)} left"),
        Text(counted(snapshot.workers, "worker") if snapshot.workers else "waiting for a worker"),
    )
    return Group(head, _running_table(snapshot.running))


def _running_table(running: tuple[RunningVideo, ...]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True, overflow="ellipsis")
    for video in running[:_LONGEST_LIST]:
        share = "" if video.progress is None else f"{video.progress:.0%}"
        name = display_name(video.path.rsplit(b"/", 1)[-1])
        table.add_row(Text(video.worker), Text(video.stage or "starting"), Text(share), Text(name))
    if len(running) > _LONGEST_LIST:
        table.add_row(Text(f"and {len(running) - _LONGEST_LIST} more"), "", "", "")
    return table
