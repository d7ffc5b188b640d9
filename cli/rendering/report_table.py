"""Shows a report as a table for people, and a batch's counts as one summary line."""

from collections.abc import Iterable, Mapping
from typing import IO, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.rendering.timeline import has_blocks, timeline
from cli.rendering.units import counted, format_duration, format_score
from worker.safe_text import safe_text

_STYLES = {
    "fake": "bold red",
    "uncertain": "yellow",
    "real": "green",
    "unreadable": "magenta",
    "failed": "magenta",
    "quarantined": "bold magenta",
    "cancelled": "dim",
    "queued": "dim",
    "running": "cyan",
}

# Half of a standard scan's 16 frames: enough to see where, and it leaves room for the name at 80 columns.
_TIMELINE_COLUMNS = 8

# Wide enough for any path: a table in a file or a pipe is read by programs, which want whole lines.
_UNLIMITED_WIDTH = 10_000


def console_for(stream: IO[str] | None = None) -> Console:
    """A console on a stream (standard output): as wide as the terminal, unlimited in a file or a pipe."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _UNLIMITED_WIDTH
    return console


def report_table(videos: Iterable[Mapping[str, Any]], *, timelines_in: str | None = None) -> Table:
    """One row per video: what it is called, how sure that is, and why where there is no score.

    Args:
        timelines_in: the encoding of the terminal, where each row shall draw `timeline`, the scores of its frames.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("verdict", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("faces", justify="right", no_wrap=True)
    table.add_column("length", justify="right", no_wrap=True)
    if timelines_in:
        table.add_column("over time", no_wrap=True)
    table.add_column("video", overflow="fold")
    table.add_column("note", overflow="fold")
    for video in videos:
        table.add_row(*_row(video, timelines_in))
    return table


def summary_line(batch: Mapping[str, Any]) -> str:
    """The batch in one line: how many of what; the numbers add up to `submitted`."""
    verdicts = {name: count for name, count in (batch.get("verdicts") or {}).items() if count}
    judged = ", ".join(f"{count} {name}" for name, count in verdicts.items())
    parts = [_counted_state(state, count, judged) for state, count in batch["counts"].items() if count]
    line = f"{counted(batch['submitted'], 'file')}: {', '.join(parts) or 'nothing to judge'}"
    return line + (f"; {counted(batch['ignored'], 'other file')} ignored" if batch.get("ignored") else "")


def verdict_text(video: Mapping[str, Any]) -> Text:
    """The verdict, or the state of a video that has none, in its colour."""
    word = str(video.get("verdict") or video["state"])
    return Text(word, style=_STYLES.get(word, ""))


def _row(video: Mapping[str, Any], timelines_in: str | None) -> tuple[Text, ...]:
    faces = video.get("faces")
    over_time = (Text(_small_timeline(video, timelines_in)),) if timelines_in else ()
    return (
        verdict_text(video),
        Text(format_score(video.get("score"))),
        Text("–" if faces is None else str(faces)),
        Text(format_duration(video.get("duration_s"))),
        *over_time,
        Text(safe_text(video["path"])),
        Text(note_words(video)),
    )


def _small_timeline(video: Mapping[str, Any], encoding: str) -> str:
    scores = video.get("timeline") or ()
    frames = [{"score": score} for score in scores]
    return timeline(frames, width=_TIMELINE_COLUMNS, is_plain=not has_blocks(encoding))


def note_words(video: Mapping[str, Any]) -> str:
    """Why there is no score, or what to know about the one there is."""
    parts = [str(video["reason"])] if video.get("reason") else []
    parts += [str(warning) for warning in video.get("warnings") or ()]
    if video.get("reused"):
        parts.append("judged before" if video["state"] in ("judged", "no_face") else "seen before")
    return safe_text(", ".join(parts))


def _counted_state(state: str, count: int, judged: str) -> str:
    return f"{count} {state}" + (f" ({judged})" if state == "judged" and judged else "")
