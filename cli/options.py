"""Arguments and options that several commands share, each with one wording."""

from collections.abc import Callable
from typing import Any

import click

from cli.rendering.output import OutputFile

PRESETS = ("fast", "standard", "thorough")
AGGREGATES = ("mean", "top-k", "confident", "max-track")
VERDICTS = ("fake", "uncertain", "real")
STATES = ("queued", "running", "judged", "no_face", "unreadable", "failed", "quarantined", "cancelled")

# More frames than any video of a sensible length has moments worth looking at.
_MOST_FRAMES = 100_000

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

paths_argument = click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=bytes))
latest_batch_argument = click.argument("batch", required=False, metavar="[BATCH]")
batch_argument = click.argument("batch", metavar="BATCH")
video_argument = click.argument("video", metavar="VIDEO")

preset_option = click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default="standard",
    show_default=True,
    help="How many frames to look at: fast 8, standard 16, thorough 32.",
)
frames_option = click.option(
    "--frames", type=click.IntRange(1, _MOST_FRAMES), help="Frames per video, in place of the preset's."
)
max_frames_option = click.option(
    "--max-frames",
    type=click.IntRange(1, _MOST_FRAMES),
    default=256,
    show_default=True,
    help="Most frames of a long video, which gets at least one per 20 s.",
)
aggregate_option = click.option(
    "--aggregate",
    type=click.Choice(AGGREGATES),
    default="mean",
    show_default=True,
    help="How the scores of frames become one score; can be changed later in `report`.",
)
force_option = click.option("--force", is_flag=True, help="Judge again what was judged before.")
outdated_option = click.option(
    "--outdated", is_flag=True, help="Only videos whose verdict is another classifier's than the active one."
)
json_option = click.option(
    "--json",
    "json_file",
    type=OutputFile(),
    metavar="FILE|-",
    help="Write the result as JSON; `-` is standard output.",
)
jsonl_option = click.option(
    "--jsonl", "is_json", is_flag=True, help="Tell the progress as one JSON object a line on standard output."
)


def judging_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `scan` and `submit` that say how to judge."""
    for decorate in reversed(
        (preset_option, frames_option, max_frames_option, aggregate_option, force_option, outdated_option)
    ):
        command = decorate(command)
    return command


def frames_of_preset(preset: str) -> int:
    """The least number of frames that a preset looks at."""
    return {"fast": 8, "standard": 16, "thorough": 32}[preset]


def check_frames(frames: int | None, *, preset: str, max_frames: int) -> int:
    """The frames to look at per video; refuses more than `--max-frames` allows."""
    chosen = frames or frames_of_preset(preset)
    if chosen > max_frames:
        source = f"--frames {frames}" if frames else f"--preset {preset} ({chosen} frames)"
        raise click.UsageError(f"{source} is more than --max-frames {max_frames}: raise --max-frames")
    return chosen
