"""Measures how fast videos are judged, how near that is to what the machine can do, and what does not grow.

Each part can run alone: `stages` times each stage of judging beside ffmpeg alone; `batch` judges the videos through
queue, worker and database beside the limit of decoders and networks alone; `engines` runs the two networks alone, on
every engine that the machine has; `growth` makes longer and larger videos of the same content; `flat` watches memory
over hundreds of videos; `cold` times a first scan; `queue` times what is added to each video; `watching` judges a batch
with pages of the web application open and without; `submission` times many tiny files; `reports` makes a large archive,
asks questions of it, and has the web application serve its lists.

The same command measures on every machine. Use it while nothing else runs: what others take is counted as ours.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from scheduler.discovery import discover
from scripts.parts.bench_batch import measure_batch, print_batch
from scripts.parts.bench_cold import measure_cold, print_cold
from scripts.parts.bench_engines import measure_engines, print_engines
from scripts.parts.bench_flat import measure_flat, print_flat
from scripts.parts.bench_growth import LENGTHS, SIZES, measure_growth, print_growth
from scripts.parts.bench_installation import KINDS
from scripts.parts.bench_machine import machine_facts
from scripts.parts.bench_queue import measure_queue, print_queue
from scripts.parts.bench_reports import measure_reports, print_reports
from scripts.parts.bench_stages import measure_stages, print_stages
from scripts.parts.bench_submission import measure_submission, print_submission
from scripts.parts.bench_watching import measure_watching, print_watching
from scripts.parts.demo_videos import make_demo_videos
from worker.pipeline.errors import PipelineError
from worker.pipeline.sampling import PRESETS

DEMO = Path(__file__).resolve().parents[2] / "demo_videos"
_SHORT_CLIP = "real-h264-720p.mp4"


@dataclass(frozen=True)
class Part:
    """One part of the benchmark."""

    measure: Callable[[], Mapping[str, Any]]
    print_figures: Callable[[Mapping[str, Any], Console], None]


PARTS = ("stages", "batch", "engines", "growth", "flat", "cold", "queue", "watching", "submission", "reports")
# They measure with the videos that were named.
OF_VIDEOS = {"stages", "batch", "watching"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what the command line names, prints the tables, writes the JSON."""
    chosen = _parser().parse_args(arguments)
    talk = Console(stderr=True)
    # Wide enough for every column where no terminal sets the width.
    console = Console(width=None if sys.stdout.isatty() else 160)
    names = chosen.part or PARTS
    paths = _videos(chosen.paths) if OF_VIDEOS & set(names) else []
    if OF_VIDEOS & set(names) and not paths:
        talk.print("scripts/bench: there is no video in what was named", markup=False)
        return 2
    report: dict[str, Any] = {"machine": machine_facts()}
    for name, part in _parts(chosen, paths, talk).items():
        if name not in names:
            continue
        try:
            figures = part.measure()
        except (PipelineError, OSError) as error:
            talk.print(f"scripts/bench: {name}: {error}", markup=False)
            return 1
        report |= figures
        console.rule(name, align="left", characters="─")
        part.print_figures(figures, console)
        if chosen.json:
            # After each part, as the next one may take long.
            chosen.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", type=os.fsencode, help="videos and directories (default: demo videos)"
    )
    parser.add_argument("--part", choices=PARTS, action="append", help="what to measure, again for more (default: all)")
    parser.add_argument("--preset", choices=PRESETS, default="standard", help="frames per video (default: standard)")
    parser.add_argument("--batch-rounds", type=int, default=3, help="times that `batch` is measured (default: 3)")
    parser.add_argument("--longest", choices=LENGTHS, default="2 h", help="longest video of `growth` (default: 2 h)")
    parser.add_argument("--largest", choices=SIZES, default="8K", help="largest video of `growth` (default: 8K)")
    parser.add_argument("--flat-videos", type=int, default=500, help="videos of `flat` (default: 500)")
    parser.add_argument("--jobs", type=int, default=10_000, help="tiny jobs of `queue` (default: 10000)")
    parser.add_argument("--pages", type=int, default=4, help="open pages of `watching` (default: 4)")
    parser.add_argument("--files", type=int, default=100_000, help="tiny files of `submission` (default: 100000)")
    parser.add_argument(
        "--archive-videos", type=int, default=1_000_000, help="videos of the archive of `reports` (default: 1000000)"
    )
    parser.add_argument(
        "--kind",
        choices=KINDS,
        default="cluster",
        help="installation of `batch`, `watching` and `reports` (default: cluster)",
    )
    parser.add_argument("--rounds", type=int, default=100, help="times that each question is asked (default: 100)")
    parser.add_argument(
        "--web-seconds", type=float, default=20.0, help="for how long lists are asked of the web application (20)"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every figure into this file")
    return parser


def _videos(named: Sequence[bytes]) -> list[bytes]:
    return [found.path for found in discover(named or [_demo_videos()])]


def _demo_videos() -> bytes:
    if not (DEMO / "labels.csv").exists():
        make_demo_videos(DEMO)
    return os.fsencode(DEMO)


def _parts(chosen: argparse.Namespace, paths: Sequence[bytes], talk: Console) -> dict[str, Part]:
    frames = PRESETS[chosen.preset]

    def say(step: str) -> None:
        talk.print(f"  {step} ...", highlight=False, markup=False)

    def cold() -> Mapping[str, Any]:
        if not (DEMO / _SHORT_CLIP).exists():
            make_demo_videos(DEMO, only=[_SHORT_CLIP])
        return measure_cold(os.fsencode(DEMO / _SHORT_CLIP), on_step=say)

    def reports() -> Mapping[str, Any]:
        return measure_reports(
            videos=chosen.archive_videos,
            rounds=chosen.rounds,
            kind=chosen.kind,
            web_seconds=chosen.web_seconds,
            on_step=say,
        )

    return {
        "stages": Part(lambda: measure_stages(paths, preset=chosen.preset, talk=talk), print_stages),
        "batch": Part(
            lambda: measure_batch(paths, frames=frames, kind=chosen.kind, rounds=chosen.batch_rounds, on_step=say),
            print_batch,
        ),
        "engines": Part(lambda: measure_engines(on_step=say), print_engines),
        "growth": Part(
            lambda: measure_growth(longest=chosen.longest, largest=chosen.largest, on_step=say), print_growth
        ),
        "flat": Part(lambda: measure_flat(videos=chosen.flat_videos, on_step=say), print_flat),
        "cold": Part(cold, print_cold),
        "queue": Part(lambda: measure_queue(jobs=chosen.jobs), print_queue),
        "watching": Part(
            lambda: measure_watching(paths, frames=frames, kind=chosen.kind, pages=chosen.pages, on_step=say),
            print_watching,
        ),
        "submission": Part(lambda: measure_submission(files=chosen.files), print_submission),
        "reports": Part(reports, print_reports),
    }


if __name__ == "__main__":
    sys.exit(main())
