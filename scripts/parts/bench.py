"""Measures how fast videos are judged, and what queue, database and reports add to that.

Parts: `stages` times each stage of judging beside ffmpeg alone, on PATH or on demo videos; `queue` times what is added
to each video; `submission` times many tiny files; `reports` asks questions of a large archive, which it makes first.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from scripts.parts.bench_installation import KINDS
from scripts.parts.bench_machine import machine_facts
from scripts.parts.bench_queue import measure_queue, print_queue
from scripts.parts.bench_reports import measure_reports, print_reports
from scripts.parts.bench_stages import NoVideoError, measure_stages, print_stages
from scripts.parts.bench_submission import measure_submission, print_submission
from worker.pipeline.errors import PipelineError
from worker.pipeline.sampling import PRESETS

PARTS = ("stages", "queue", "submission", "reports")

Measure = Callable[[], Mapping[str, Any]]
Print = Callable[[Mapping[str, Any], Console], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what the command line names, prints the tables, writes the JSON."""
    chosen = _parser().parse_args(arguments)
    talk = Console(stderr=True)
    # Wide enough for every column where no terminal sets the width.
    console = Console(width=None if sys.stdout.isatty() else 160)
    report: dict[str, Any] = {"machine": machine_facts()}
    for name, (measure, print_part) in _parts(chosen, talk).items():
        if name not in (chosen.part or ["stages"]):
            continue
        try:
            figures = measure()
        except NoVideoError as error:
            talk.print(f"scripts/bench: {error}", markup=False)
            return 2
        except (PipelineError, OSError) as error:
            talk.print(f"scripts/bench: {error}", markup=False)
            return 1
        report |= figures
        print_part(figures, console)
        if chosen.json:
            # After each part, as the next one may take long.
            chosen.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", metavar="PATH", nargs="*", type=os.fsencode, help="videos and directories")
    parser.add_argument(
        "--part", choices=PARTS, action="append", help="what to measure, again for more (default: stages)"
    )
    parser.add_argument("--preset", choices=PRESETS, default="standard", help="frames per video (default: standard)")
    parser.add_argument("--whole", action="store_true", help="time a whole `fakesweep scan` of the same files too")
    parser.add_argument("--jobs", type=int, default=10_000, help="tiny jobs of `queue` (default: 10000)")
    parser.add_argument("--files", type=int, default=100_000, help="tiny files of `submission` (default: 100000)")
    parser.add_argument(
        "--archive-videos", type=int, default=1_000_000, help="videos of the archive of `reports` (default: 1000000)"
    )
    parser.add_argument("--archive-kind", choices=KINDS, default="cluster", help="where it lies (default: cluster)")
    parser.add_argument("--rounds", type=int, default=100, help="times that each question is asked (default: 100)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every figure into this file")
    return parser


def _parts(chosen: argparse.Namespace, talk: Console) -> dict[str, tuple[Measure, Print]]:
    def stages() -> Mapping[str, Any]:
        return measure_stages(chosen.paths, preset=chosen.preset, with_whole=chosen.whole, talk=talk)

    def reports() -> Mapping[str, Any]:
        return measure_reports(
            videos=chosen.archive_videos,
            rounds=chosen.rounds,
            kind=chosen.archive_kind,
            on_step=lambda step: talk.print(f"reports: {step}", highlight=False),
        )

    return {
        "stages": (stages, print_stages),
        "queue": (lambda: measure_queue(jobs=chosen.jobs), print_queue),
        "submission": (lambda: measure_submission(files=chosen.files), print_submission),
        "reports": (reports, print_reports),
    }


if __name__ == "__main__":
    sys.exit(main())
