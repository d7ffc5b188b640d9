"""Damages small videos at random and has the pipeline read them, as strangers' files are read.

Each file must end in a verdict or in a state with a reason, within the limits of time and memory. A share of them goes
through a whole `fakesweep scan` too. The same seed gives the same files; those that fail are kept.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.parts.fuzz_clips import ClipToDamage, draw_clips
from scripts.parts.fuzz_crew import Answer, Judge, read_all
from scripts.parts.fuzz_damage import damage
from scripts.parts.fuzz_judge import LIMITS
from scripts.parts.fuzz_workers import ENDED_WELL, scan_whole

MAX_WORKER_BYTES = 1024 * 1024 * 1024
"""What the process that waits for decoders may have resident; it holds some pictures, and no file."""
PROGRESS_EVERY = 250


@dataclass
class Tally:
    """What is known of the files so far."""

    by_end: Counter[str] = field(default_factory=Counter)
    by_container: Counter[str] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    peak_bytes: dict[str, int] = field(default_factory=dict)
    slowest_s: float = 0.0
    defects: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, damages: Sequence[str], answer: Answer) -> bool:
        """Counts a file; whether it must be kept."""
        with self.lock:
            reason = f":{answer['reason']}" if answer["reason"] else ""
            self.by_end[answer["state"] + reason] += 1
            self.by_container[name.rpartition(".")[2]] += 1
            self.deaths.update(f"signal {-status}" for status in answer["deaths"])
            self.slowest_s = max(self.slowest_s, answer["seconds"])
            for who, peak in answer.get("peak_bytes", {}).items():
                self.peak_bytes[who] = max(peak, self.peak_bytes.get(who, 0))
            is_defect = answer["state"] not in ("decoded", "unreadable") or _is_over_memory(answer)
            if is_defect:
                self.defects.append({"file": name, "damages": list(damages), **answer})
            return is_defect


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzzes as the command line says; 0 where every file ended as it must."""
    chosen = _parser().parse_args(arguments)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fakesweep-fuzz-") as name:
        report = fuzz(chosen, Path(name))
    report["seconds"] = round(time.monotonic() - started, 1)
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=2) + "\n")
    _print(report)
    return 0 if report["is_clean"] else 1


def fuzz(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Draws, damages and reads; the figures."""
    clips = draw_clips(folder)
    whole, current, home = (folder / name for name in ("whole", "current", "home"))
    for each in (whole, current, home):
        each.mkdir()
    tally = Tally()
    numbers = range(chosen.files) if chosen.only is None else [chosen.only]

    def read(judge: Judge, number: int) -> None:
        clip, content, damages = damaged_file(clips, seed=chosen.seed, number=number)
        path = current / f"{number:06}-{clip.name}"
        path.write_bytes(content)
        if tally.add(path.name, damages, judge.read(path)):
            chosen.keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, chosen.keep)
        if chosen.whole_every and number % chosen.whole_every == 0:
            path.rename(whole / path.name)
        else:
            path.unlink()
        if sum(tally.by_end.values()) % PROGRESS_EVERY == 0:
            print(f"{sum(tally.by_end.values())} files, {len(tally.defects)} defects", file=sys.stderr)

    read_all(numbers, read, judges=chosen.judges)
    scanned = scan_whole(whole, home=home) if any(whole.iterdir()) else None
    return _report(chosen, tally, scanned)


def damaged_file(
    clips: dict[ClipToDamage, bytes], *, seed: int, number: int
) -> tuple[ClipToDamage, bytes, tuple[str, ...]]:
    """The file of that number: the clip that it was, its bytes, and what was done to it."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 - repeatable is what it must be
    clip = list(clips)[number % len(clips)]
    other = chance.choice(list(clips.values()))
    damaged = damage(clips[clip], other, container=clip.container, chance=chance)
    return clip, damaged.content, damaged.damages


def _report(chosen: argparse.Namespace, tally: Tally, scanned: dict[str, Any] | None) -> dict[str, Any]:
    ends = tally.by_end
    found: dict[str, Any] = {
        "files": sum(ends.values()),
        "seed": chosen.seed,
        "by_state": dict(sorted(ends.items())),
        "by_container": dict(sorted(tally.by_container.items())),
        "hangs": ends["hang"],
        "uncontained_worker_deaths": ends["lost"],
        "tracebacks": ends["traceback"],
        "contained_deaths": dict(tally.deaths),
        "over_memory": sum(1 for defect in tally.defects if _is_over_memory(defect)),
        "slowest_s": tally.slowest_s,
        "peak_memory_mb": {who: round(peak / 1e6, 1) for who, peak in sorted(tally.peak_bytes.items())},
        "limits": {
            "time_s": LIMITS.time_limit_s,
            "probe_time_s": LIMITS.probe_time_limit_s,
            "decoder_memory_mb": round(LIMITS.memory_bytes / 1e6),
            "probe_memory_mb": round(LIMITS.probe_memory_bytes / 1e6),
            "worker_memory_mb": round(MAX_WORKER_BYTES / 1e6),
        },
        "whole_workers": scanned,
        "defects": tally.defects,
        "kept_in": str(chosen.keep) if tally.defects else None,
    }
    is_whole_clean = scanned is None or (
        scanned["status"] in ENDED_WELL and not scanned["tracebacks"] and not scanned["failed"]
    )
    return found | {"is_clean": not tally.defects and is_whole_clean}


def _is_over_memory(answer: Answer) -> bool:
    bounds = {"worker": MAX_WORKER_BYTES, "decoder": LIMITS.memory_bytes, "probe": LIMITS.probe_memory_bytes}
    return any(peak > bounds[who] for who, peak in answer.get("peak_bytes", {}).items())


def _print(report: dict[str, Any]) -> None:
    for name, value in report.items():
        if name != "defects":
            print(f"{name}: {value}")
    for defect in report["defects"]:
        print(f"defect: {defect['file']} ({', '.join(defect['damages'])}): {defect['state']} {defect['detail'] or ''}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=5000, help="how many damaged files (default: 5000)")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other files (default: 1)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="the file of this number alone, as in its name")
    parser.add_argument(
        "--judges", type=int, default=os.cpu_count() or 1, help="processes that read (default: one per core)"
    )
    parser.add_argument(
        "--whole-every", type=int, default=20, metavar="N", help="one in N goes through a scan too (default: 20)"
    )
    parser.add_argument(
        "--keep", type=Path, default=Path("fuzz-failures"), metavar="DIR", help="for failing files (fuzz-failures)"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every figure into this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
