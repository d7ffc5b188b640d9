"""Shows one video: the verdict and where it comes from, frame by frame."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.rendering.report_table import verdict_text
from cli.rendering.timeline import has_blocks, legend, tall_timeline
from cli.rendering.units import counted, format_duration, format_score, format_time
from worker.safe_text import safe_text

# A frame per column; of more, none could be told from the next.
_WIDEST_TIMELINE = 256


def print_video(video: Mapping[str, Any], console: Console) -> None:
    """Prints the facts, the timeline and a table of the frames."""
    for name, value in _facts(video):
        console.print(Text(f"{name:<10}"), value, sep="", soft_wrap=True)
    frames: Sequence[Mapping[str, Any]] = video.get("frames") or ()
    if not frames:
        return
    console.print()
    is_plain = not has_blocks(console.encoding)
    # The last column stays free: some terminals go to the next line as soon as it is written.
    width = min(_WIDEST_TIMELINE, console.width - 1)
    for line in tall_timeline(frames, width=width, is_plain=is_plain):
        console.print(Text(line))
    span = f"{format_time(frames[0]['t_s'])} to {format_time(frames[-1]['t_s'])}"
    console.print(Text(f"{span}, {legend(is_plain=is_plain)}"))
    console.print(_frames_table(frames))


def _facts(video: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
    yield "video", Text(safe_text(video["path"]))
    yield "verdict", verdict_text(video).append(f"  {format_score(video.get('score'))}", style="")
    if video.get("reason"):
        yield "reason", Text(safe_text(f"{video['reason']}: {video.get('detail') or 'no details'}"))
    if video.get("warnings"):
        yield "warnings", Text(safe_text(", ".join(video["warnings"])))
    if video.get("codec"):
        size = f"{video['width_px']}x{video['height_px']}"
        yield (
            "content",
            Text(safe_text(f"{video['codec']} {size}, {format_duration(video.get('duration_s'))}")),
        )
    if video.get("sha256"):
        yield "sha256", Text(video["sha256"])
    for track in video.get("tracks") or ():
        words = f"{format_score(track['score'])} over {counted(track['faces'], 'face')}"
        yield f"person {track['id']}", Text(words)
    # What could not be read was never timed.
    stages = {stage: seconds for stage, seconds in (video.get("seconds") or {}).items() if seconds is not None}
    if stages:
        yield "took", Text(safe_text(", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in stages.items())))
    for review in video.get("reviews") or ():
        yield "review", Text(safe_text(_review_line(review)))


def _review_line(review: Mapping[str, Any]) -> str:
    line = f"{review['label']} by {review.get('reviewer') or 'unknown'}"
    return f"{line}: {review['note']}" if review.get("note") else line


def _frames_table(frames: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("faces (person: score, box, detection)")
    for frame in frames:
        faces = "; ".join(_face_words(face) for face in frame["faces"])
        table.add_row(Text(format_time(frame["t_s"])), Text(format_score(frame["score"])), Text(faces or "none"))
    return table


def _face_words(face: Mapping[str, Any]) -> str:
    x, y, w, h = (round(side) for side in face["box_px"])
    return f"{face['track']}: {format_score(face['score'])}, {w}x{h} at {x},{y}, {face['detection']:.2f}"
