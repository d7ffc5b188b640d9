"""Measures each stage of judging, beside what ffmpeg alone needs for the same frames.

One process judges one video after the other, as one process of a worker does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from scripts.parts.bench_videos import Bench, Measured
from worker.pipeline.results import STAGES
from worker.pipeline.sampling import PRESETS
from worker.safe_text import safe_text


def measure_stages(paths: Sequence[bytes], *, preset: str, talk: Console) -> dict[str, Any]:
    """The seconds of every stage of every video.

    Raises:
        PipelineError: the detector, the classifier or ffmpeg is missing.
    """
    bench = Bench(frames=PRESETS[preset])
    bench.warm_up(paths)
    results = [bench.measure(path) for path in track(paths, "measuring", console=talk, transient=True)]
    return {
        "options": {"preset": preset, "frames": PRESETS[preset]},
        "classifier": bench.classifier_facts(),
        "videos": [asdict(result) for result in results],
        "totals": totals([result for result in results if isinstance(result, Measured)]),
    }


def totals(measured: Sequence[Measured]) -> dict[str, float]:
    """Sums over the videos, the rate of one process, and how the whole compares with ffmpeg alone."""
    sums = {stage: sum(video.seconds.get(stage, 0.0) for video in measured) for stage in (*STAGES, "total")}
    alone_s = sum(video.ffmpeg_alone_s for video in measured)
    return {
        "videos": len(measured),
        "video_seconds": sum(video.duration_s or 0.0 for video in measured),
        **{f"{stage}_s": round(seconds, 5) for stage, seconds in sums.items()},
        "ffmpeg_alone_s": round(alone_s, 5),
        "ratio_to_ffmpeg": round(sums["total"] / alone_s, 3) if alone_s else 0.0,
        "videos_per_minute": round(60 * len(measured) / sums["total"], 2) if sums["total"] else 0.0,
    }


def print_stages(figures: Mapping[str, Any], console: Console) -> None:
    """One row per video, and the sums."""
    table = Table("video", "codec", "size", "frames", "faces", *STAGES, "total s", "ffmpeg alone s", "ratio")
    for column in table.columns[3:]:
        column.justify = "right"
        column.no_wrap = True
    for video in figures["videos"]:
        name = Text(safe_text(Path(video["path"]).name), overflow="fold")
        if "reason" in video:
            table.add_row(name, video["reason"], style="dim")
            continue
        stages = [f"{video['seconds'].get(stage, 0.0):.3f}" for stage in (*STAGES, "total")]
        size = f"{video['width_px']}x{video['height_px']}"
        counts = [str(video["frames"]), str(video["faces"])]
        alone_s = video["ffmpeg_alone_s"]
        ratio = f"{video['seconds']['total'] / alone_s:.2f}"
        table.add_row(name, video["codec"], size, *counts, *stages, f"{alone_s:.3f}", ratio)
    sums = figures["totals"]
    stages = [f"{sums[f'{stage}_s']:.3f}" for stage in (*STAGES, "total")]
    table.add_section()
    alone, ratio = f"{sums['ffmpeg_alone_s']:.3f}", f"{sums['ratio_to_ffmpeg']:.2f}"
    table.add_row(f"{sums['videos']} videos", "", "", "", "", *stages, alone, ratio)
    console.print(table)
    console.print(f"{sums['videos_per_minute']} videos a minute in one process.", highlight=False)
