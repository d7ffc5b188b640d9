"""Draws a batch under way for a terminal: bar, counts, what each worker does, the latest fakes; no line wraps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.text import Text

from cli.rendering.names import display_name, fitted
from cli.rendering.units import counted, format_rate, format_score, time_left

if TYPE_CHECKING:
    from db.batch_fakes import BatchFake
    from db.progress import RunningScan
    from scheduler.follow import View

_STYLES = {"fake": "bold red", "uncertain": "yellow", "real": "green"}
_BAR_COLUMNS = (8, 40)
# More names help nobody, and on a low terminal the line that counts must stay.
_MOST_RUNNING = 16
_STAGE_COLUMNS = 9
_GAP = "  "


@dataclass(frozen=True)
class BatchPicture:
    """The batch as it stood; drawn for the size that the terminal has at that moment."""

    view: View
    workers: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment | Text]:
        # The last column stays free: some terminals go to the next line as soon as it is written.
        pen = _Pen(max(10, options.max_width - 1), options.encoding)
        yield from self._head(console, options, pen)
        yield pen.whole_parts(_counts(self.view))
        # Head, counts, the heading of the fakes, and the line on which the cursor rests.
        room = max(1, options.size.height - 4)
        fakes = self.view.fakes[: max(1, room // 3)]
        yield from _running_lines(self.view.running, pen, room=min(_MOST_RUNNING, room - len(fakes)))
        yield from _fake_lines(fakes, pen)

    def _head(self, console: Console, options: ConsoleOptions, pen: _Pen) -> Iterator[Segment | Text]:
        """The bar, as long as the words leave room for."""
        view, progress = self.view, self.view.progress
        words = [
            f"{progress.finished}/{progress.submitted}",
            format_rate(view.rate_per_s),
            time_left(view.eta_s),
            counted(self.workers, "worker") if self.workers else "waiting for a worker",
        ]
        told = _GAP.join(words)
        parts = [(_GAP + word if place else word, "") for place, word in enumerate(words)]
        least, most = _BAR_COLUMNS
        room = pen.columns - len(told) - len(_GAP)
        if room >= least:
            bar = ProgressBar(total=max(progress.submitted, 1), completed=progress.finished, width=min(most, room))
            yield from console.render(bar, options)
            yield Segment(_GAP)
            yield pen.line((told, ""))
        else:
            yield pen.whole_parts(parts)


@dataclass(frozen=True)
class _Pen:
    """Writes lines of so many columns at most, in what the terminal's encoding has."""

    columns: int
    encoding: str

    def fit(self, text: str, columns: int) -> str:
        return fitted(text, columns=max(1, columns), encoding=self.encoding)

    def line(self, *parts: tuple[str, str]) -> Text:
        """One line of parts with their styles; the part that no longer fits is shortened, and the rest left out."""
        text = Text(no_wrap=True, overflow="crop", end="\n")
        for words, style in parts:
            room = self.columns - text.cell_len
            if room < 1:
                break
            text.append(self.fit(words, room), style)
        return text

    def whole_parts(self, parts: Sequence[tuple[str, str]]) -> Text:
        """The same of parts that would say something else if they were shortened: what does not fit is left out."""
        text, gap = Text(no_wrap=True, overflow="crop", end="\n"), self.fit("…", 1)
        for place, (words, style) in enumerate(parts):
            room = self.columns - text.cell_len - (place < len(parts) - 1)
            if len(words) > room:
                return text.append(gap)
            text.append(self.fit(words, room), style)
        return text


def _counts(view: View) -> list[tuple[str, str]]:
    """Such as "12 judged (3 fake, 9 real), 4 queued", the verdicts in their colours and before all else."""
    parts: list[tuple[str, str]] = []
    counts = {state: count for state, count in view.progress.counts.items() if count}
    for state, count in sorted(counts.items(), key=lambda item: item[0] != "judged"):
        parts.append((f"{', ' if parts else ''}{count} {state}", "dim"))
        if state == "judged" and view.progress.verdicts:
            for place, (verdict, number) in enumerate(view.progress.verdicts.items()):
                parts += [(", " if place else " (", "dim"), (f"{number} {verdict}", _STYLES.get(verdict, ""))]
            parts.append((")", "dim"))
    return parts


def _running_lines(running: Sequence[RunningScan], pen: _Pen, *, room: int) -> Iterator[Text]:
    """Worker, stage, per cent and video; the name takes what the others leave."""
    shown = running if len(running) <= room else running[: max(0, room - 1)]
    names = [display_name(one.worker) for one in shown]
    # A quarter at the most, as names of videos tell more than those of workers.
    widest = min(max(map(len, names), default=0), max(8, pen.columns // 4))
    for one, name in zip(shown, names, strict=True):
        worker = Text(pen.fit(name, widest))
        worker.pad_right(max(0, widest - worker.cell_len))
        stage = pen.fit(display_name(one.stage or "starting"), _STAGE_COLUMNS)
        middle = f"{_GAP}{stage:<{_STAGE_COLUMNS}} {min(max(one.progress, 0.0), 1.0):>4.0%}{_GAP}"
        yield pen.line((worker.plain, "dim"), (middle, ""), (display_name(one.path.rsplit(b"/", 1)[-1]), ""))
    if len(shown) < len(running):
        yield pen.line((f"and {len(running) - len(shown)} more", "dim"))


def _fake_lines(fakes: Sequence[BatchFake], pen: _Pen) -> Iterator[Text]:
    if fakes:
        yield pen.line(("Latest fakes", "bold"))
    for fake in fakes:
        yield pen.line(
            (format_score(fake.score), _STYLES["fake"]), (_GAP, ""), (display_name(fake.path.rsplit(b"/", 1)[-1]), "")
        )
