"""Measures whether the memory of a worker's process stays flat over hundreds of videos."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from scripts.parts.bench_fresh_process import cost_of
from scripts.parts.bench_videos import Bench
from scripts.parts.demo_clips import H264, REAL, Clip, fill
from scripts.parts.demo_faces import real_portrait
from scripts.parts.demo_videos import write_clip

_FRAMES = 4
_SETTLED_AFTER = 50
"""Videos, after which what is kept for each size of picture is there."""
# Every one another shape of input, as archives have them.
_SIZES = ((320, 240), (640, 360), (360, 640), (854, 480), (720, 576), (1280, 720), (1024, 768))


def measure_flat(*, videos: int, on_step: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Judges so many short videos of several sizes in one process.

    Args:
        videos: more than the 50 after which memory is expected to stay as it is.
    """
    if videos <= _SETTLED_AFTER:
        raise ValueError(f"videos must be more than {_SETTLED_AFTER}, got {videos}")
    with tempfile.TemporaryDirectory(prefix="fsb-flat-") as name:
        paths = _draw(Path(name))
        on_step(f"judging {videos} videos")
        resident_mb = cost_of(resident_after_each, paths, videos).result
    settled_mb, last_mb = resident_mb[_SETTLED_AFTER - 1], resident_mb[-1]
    return {
        "memory_growth_mb": round(last_mb - settled_mb, 1),
        "flat": {"videos": videos, "after_50_mb": round(settled_mb, 1), "after_all_mb": round(last_mb, 1)},
    }


def print_flat(figures: Mapping[str, Any], console: Console) -> None:
    """One line."""
    flat = figures["flat"]
    console.print(
        f"Memory of one process: {flat['after_50_mb']} MB after 50 videos, {flat['after_all_mb']} MB after "
        f"{flat['videos']}.",
        highlight=False,
    )


def resident_after_each(paths: list[bytes], videos: int) -> list[float]:
    """Resident MB after each of so many videos."""
    bench = Bench(frames=_FRAMES)
    this = psutil.Process()
    resident_mb = []
    for number in range(videos):
        bench.judge(paths[number % len(paths)])
        resident_mb.append(this.memory_info().rss / 1e6)
    return resident_mb


def _draw(folder: Path) -> list[bytes]:
    pictures = {"portrait": real_portrait()}
    paths = []
    for width, height in _SIZES:
        clip = Clip(f"{width}x{height}.mp4", REAL, "h264", (width, height), (fill("portrait", 0.4),), H264)
        write_clip(folder / clip.name, clip, pictures, seed=1)
        paths.append(bytes(folder / clip.name))
    return paths
