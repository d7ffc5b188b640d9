"""Shows on standard error how a batch gets on: bars while a person looks, plain lines otherwise."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import click
from rich.console import Console, RenderableType
from rich.control import Control
from rich.live import Live
from rich.text import Text

from cli.rendering.batch_picture import BatchPicture
from cli.rendering.names import display_name
from cli.rendering.report_json import to_json
from cli.rendering.units import counted, format_rate, format_score, time_left

if TYPE_CHECKING:
    from scheduler.follow import View

# Plain lines come no more often than this, so that the log of a long batch stays readable.
LINE_EVERY_S = 5.0

_VERDICTS = ("fake", "uncertain", "real")


class Progress(Protocol):
    """Something that can show a submission and then a batch; use it as a context manager."""

    def __enter__(self) -> Progress: ...

    def __exit__(self, *exc_info: object) -> None: ...

    def reading(self, found: int) -> None:
        """Files are being found and hashed; `found` so far."""

    def judging(self, view: View, *, workers: int) -> None:
        """The batch as it stands now, and how many workers are alive."""


def progress_for(console: Console, *, is_json: bool = False) -> Progress:
    """A picture where the console is a terminal that can draw one, plain lines otherwise; JSON lines where asked."""
    if is_json:
        return JsonProgress()
    can_draw = console.is_terminal and not console.is_dumb_terminal
    return LiveProgress(console) if can_draw else LineProgress()


def console_for_messages() -> Console:
    """Standard error, for all that is not a result."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


@dataclass
class LineProgress:
    """Plain lines, at most one every few seconds, and one when all is done; before it the fakes since the last."""

    every_s: float = LINE_EVERY_S
    _told: set[int] = field(default_factory=set)
    _fakes: int = 0
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
        fakes = [fake for fake in reversed(view.fakes) if fake.scan_id not in self._told]
        before = [f"fake {format_score(fake.score)} {display_name(fake.path)}" for fake in fakes]
        count = view.progress.verdicts.get("fake", 0)
        more = count - self._fakes - len(fakes)
        # The view holds the latest alone: where one of them was told before, none lies between.
        if more > 0 and fakes and len(fakes) == len(view.fakes):
            before.insert(0, f"{counted(more, 'fake')} more, and the latest:")
        if self._say(line, now=time.monotonic(), is_last=view.progress.is_finished, before=before):
            self._told = {fake.scan_id for fake in view.fakes}
            self._fakes = count

    def _say(self, line: str, *, now: float, is_last: bool = False, before: Sequence[str] = ()) -> bool:
        """Says it if it is time for it; whether it was said."""
        if line == self._last_line or (now - self._last_line_at < self.every_s and not is_last):
            return False
        self._last_line, self._last_line_at = line, now
        for one in (*before, line):
            click.echo(one, err=True)
        return True


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
    """The batch as a picture that is drawn over the one before."""

    console: Console
    _live: Live | None = None
    _width: int = 0

    def __enter__(self) -> LiveProgress:
        # Drawn when there is something new, and then in one write: nothing flickers between.
        self._live = Live(console=self.console, auto_refresh=False, transient=True)
        self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Takes the picture away, so that results and messages stand alone."""
        if self._live:
            self._forget_if_narrower()
            self._live.stop()

    def reading(self, found: int) -> None:
        """How many files were found so far."""
        self._show(Text(f"Reading files: {found} found", no_wrap=True, overflow="crop"))

    def judging(self, view: View, *, workers: int) -> None:
        """The bar, and under it the counts, what each worker does, and the latest fakes."""
        self._show(BatchPicture(view, workers))

    def _show(self, picture: RenderableType) -> None:
        if self._live:
            self._forget_if_narrower()
            self._live.update(picture, refresh=True)

    def _forget_if_narrower(self) -> None:
        """Where the terminal got narrower, it may have wrapped the picture, and nobody knows into how many lines."""
        width = self.console.width
        if width < self._width:
            self.console.control(Control.home(), Control.clear())
        self._width = width


def progress_line(view: View, *, workers: int) -> str:
    """The batch as one plain line."""
    line = f"{view.progress.finished} of {counted(view.progress.submitted, 'video')} done{_verdicts(view)}"
    if view.progress.is_finished:
        return line
    if not workers and not view.running:
        return f"{line}, waiting for a worker"
    return f"{line}, {len(view.running)} running, {format_rate(view.rate_per_s)}, {time_left(view.eta_s)}"


def progress_json(view: View, *, workers: int) -> dict[str, Any]:
    """The batch for programs; `path` as in the report."""
    from db.findings import describe_path

    return {
        "submitted": view.progress.submitted,
        "finished": view.progress.finished,
        "is_finished": view.progress.is_finished,
        "counts": view.progress.counts,
        "verdicts": dict.fromkeys(_VERDICTS, 0) | view.progress.verdicts,
        "fakes": [{**describe_path(one.path), "score": one.score} for one in view.fakes],
        "rate_per_s": view.rate_per_s,
        "eta_s": view.eta_s,
        "workers": workers,
        "running": [
            {**describe_path(one.path), "worker": one.worker, "stage": one.stage, "progress": one.progress}
            for one in view.running
        ],
    }


def _verdicts(view: View) -> str:
    """What is known by now, such as " (1 fake, 2 real)"."""
    words = ", ".join(f"{count} {name}" for name, count in view.progress.verdicts.items())
    return f" ({words})" if words else ""
