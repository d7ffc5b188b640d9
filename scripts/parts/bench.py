"""Measures how fast videos are judged, stage by stage, beside what ffmpeg alone needs for the same frames.

One process judges one video after the other, as one process of a worker does. Without PATH: the demo videos.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from cli.rendering.names import safe_text
from scheduler.discovery import discover
from scripts.parts.bench_machine import machine_facts
from scripts.parts.bench_videos import Bench, Measured, Refused
from scripts.parts.bench_whole import time_whole_scan
from scripts.parts.demo_videos import make_demo_videos
from worker.pipeline.errors import PipelineError
from worker.pipeline.results import STAGES
from worker.pipeline.sampling import PRESETS

DEMO = Path(__file__).resolve().parents[2] / "demo_videos"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what the command line names, prints the table, writes the JSON."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("paths", metavar="PATH", nargs="*", type=os.fsencode, help="videos and directories")
    parser.add_argument("--preset", choices=PRESETS, default="standard", help="frames per video (default: standard)")
    parser.add_argument("--whole", action="store_true", help="time a whole `fakesweep scan` of the same files too")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every figure into this file")
    chosen = parser.parse_args(arguments)
    talk = Console(stderr=True)
    paths = [found.path for found in discover(chosen.paths or [_demo_videos()])]
    if not paths:
        talk.print("scripts/bench: there is no video in what was named")
        return 2
    try:
        bench = Bench(frames=PRESETS[chosen.preset])
        bench.warm_up(paths)
        results = [bench.measure(path) for path in track(paths, "measuring", console=talk, transient=True)]
    except PipelineError as error:
        talk.print(f"scripts/bench: {error}", markup=False)
        return 1
    report: dict[str, object] = {
        "machine": machine_facts(),
        "options": {"preset": chosen.preset, "frames": PRESETS[chosen.preset]},
        "classifier": bench.classifier_facts(),
        "videos": [asdict(result) for result in results],
        "totals": totals([result for result in results if isinstance(result, Measured)]),
    }
    if chosen.whole:
        with tempfile.TemporaryDirectory() as home:
            report["whole"] = time_whole_scan(paths, preset=chosen.preset, home=Path(home))
    _print(report, results)
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _demo_videos() -> bytes:
    if not (DEMO / "labels.csv").exists():
        make_demo_videos(DEMO)
    return os.fsencode(DEMO)


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


def _print(report: dict[str, object], results: Sequence[Measured | Refused]) -> None:
    table = Table("video", "codec", "size", "frames", "faces", *STAGES, "total s", "ffmpeg alone s", "ratio")
    for column in table.columns[3:]:
        column.justify = "right"
        column.no_wrap = True
    for result in results:
        name = Text(safe_text(Path(result.path).name), overflow="fold")
        if isinstance(result, Refused):
            table.add_row(name, result.reason, style="dim")
            continue
        stages = [f"{result.seconds.get(stage, 0.0):.3f}" for stage in (*STAGES, "total")]
        size = f"{result.width_px}x{result.height_px}"
        counts = [str(result.frames), str(result.faces)]
        ratio = f"{result.seconds['total'] / result.ffmpeg_alone_s:.2f}"
        table.add_row(name, result.codec, size, *counts, *stages, f"{result.ffmpeg_alone_s:.3f}", ratio)
    sums = report["totals"]
    if isinstance(sums, dict):
        stages = [f"{sums[f'{stage}_s']:.3f}" for stage in (*STAGES, "total")]
        table.add_section()
        alone, ratio = f"{sums['ffmpeg_alone_s']:.3f}", f"{sums['ratio_to_ffmpeg']:.2f}"
        table.add_row(f"{sums['videos']} videos", "", "", "", "", *stages, alone, ratio)
    # Wide enough for every column where no terminal sets the width.
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    if isinstance(sums, dict):
        console.print(f"{sums['videos_per_minute']} videos a minute in one process.", highlight=False)
    whole = report.get("whole")
    if isinstance(whole, dict):
        words = f"{whole['wall_s']} s, {whole['videos_per_minute']} videos a minute, starting included."
        console.print(f"The whole command, on {whole['cores']} cores: {words}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
