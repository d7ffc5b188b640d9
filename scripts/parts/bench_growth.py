"""Measures how judging grows with a video's length and with its size: the same content, the same number of frames.

A longer video repeats the first ten seconds, so its pictures, faces and keyframes are the same everywhere.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from scripts.parts.bench_fresh_process import cost_of
from scripts.parts.bench_memory import DecoderWatch, forget_peak, peak_mb
from scripts.parts.bench_reading import bytes_in_memory, drop_from_memory
from scripts.parts.bench_videos import Bench
from scripts.parts.demo_clips import H264, REAL, Clip, fill
from scripts.parts.demo_faces import real_portrait
from scripts.parts.demo_videos import encode, write_clip

FRAMES = 16
LENGTHS = {"10 s": 1, "1 min": 6, "10 min": 60, "2 h": 720}
"""How often the ten seconds are repeated."""
SIZES = {"360p": (640, 360), "1080p": (1920, 1080), "4K": (3840, 2160), "8K": (7680, 4320)}
_COMMON_SIZE, _COMMON_LENGTH = "1080p", "10 s"
_GOP = ("-g", "50")
_ROUNDS = 5

_Choice = TypeVar("_Choice")


@dataclass(frozen=True)
class Grown:
    """What judging one of the videos costs.

    Args:
        wall_s: the median of the rounds, with the file in memory.
        read_share: of the file, what was read when none of it was in memory; None where that cannot be told.
        peak_memory_mb: of the judging process, everything included.
        decoder_peak_mb: of the largest ffmpeg that was seen.
    """

    length: str
    size: str
    file_mb: float
    wall_s: float
    read_share: float | None
    peak_memory_mb: float
    decoder_peak_mb: float
    faces: int


def measure_growth(
    *, longest: str = "2 h", largest: str = "8K", on_step: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Makes the videos, and judges each in turn in one process.

    Args:
        longest: the last of `LENGTHS` to make.
        largest: the last of `SIZES`.
    """
    with tempfile.TemporaryDirectory(prefix="fsb-growth-") as name:
        videos = _make_videos(Path(name), longest, largest, on_step)
        on_step("judging")
        grown: list[Grown] = cost_of(judge_all, videos).result
    seconds = {(one.length, one.size): one.wall_s for one in grown}
    common_s, minute_s = seconds[_COMMON_LENGTH, _COMMON_SIZE], seconds.get(("1 min", _COMMON_SIZE))
    ratios = {f"growth_{largest}_over_{_COMMON_SIZE}".lower(): seconds[_COMMON_LENGTH, largest] / common_s}
    if minute_s:
        ratios[f"growth_{longest.replace(' ', '')}_over_1min"] = seconds[longest, _COMMON_SIZE] / minute_s
    return {
        **{key: round(ratio, 3) for key, ratio in ratios.items()},
        "peak_memory_mb": max(one.peak_memory_mb for one in grown),
        "decoder_peak_memory_mb": max(one.decoder_peak_mb for one in grown),
        "growth": [asdict(one) for one in grown],
    }


def print_growth(figures: Mapping[str, Any], console: Console) -> None:
    """One row per video."""
    table = Table("length", "size", "file MB", "wall s", "read of it", "peak MB", "its ffmpeg MB", "faces")
    for column in table.columns[2:]:
        column.justify = "right"
    for one in figures["growth"]:
        share = one["read_share"]
        shown = {**one, "read_share": "not told" if share is None else f"{share:.2%}"}
        table.add_row(*(str(value) for value in shown.values()))
    console.print(table)


def judge_all(videos: Sequence[tuple[str, str, Path]]) -> list[Grown]:
    """Judges each of the videos some times, in rounds, so that a machine that slows down slows all of them."""
    bench = Bench(frames=FRAMES, max_frames=FRAMES)
    bench.judge(bytes(videos[0][2]))
    first = [_look_closely(bench, path) for _, _, path in videos]
    seconds = [[_seconds_of(bench, path) for _, _, path in videos] for _ in range(_ROUNDS)]
    medians = [statistics.median(column) for column in zip(*seconds, strict=True)]
    return [
        Grown(length, size, round(path.stat().st_size / 1e6, 1), round(wall_s, 4), **looked)
        for (length, size, path), wall_s, looked in zip(videos, medians, first, strict=True)
    ]


def _look_closely(bench: Bench, path: Path) -> dict[str, Any]:
    """What is read and needed, in a run of its own, which the looking makes slower."""
    is_dropped = drop_from_memory(path)
    forget_peak()
    with DecoderWatch() as decoders:
        result = bench.judge(bytes(path))
    share = bytes_in_memory(path) / path.stat().st_size if is_dropped else None
    return {
        "read_share": None if share is None else round(share, 5),
        "peak_memory_mb": round(peak_mb(), 1),
        "decoder_peak_mb": round(decoders.peak_mb, 1),
        "faces": sum(len(frame.faces) for frame in result.frames),
    }


def _seconds_of(bench: Bench, path: Path) -> float:
    started_s = time.perf_counter()
    bench.judge(bytes(path))
    return time.perf_counter() - started_s


def _make_videos(
    folder: Path, longest: str, largest: str, on_step: Callable[[str], None]
) -> list[tuple[str, str, Path]]:
    """Length, size and path of each: every length in the common size, every size in the common length."""
    on_step(f"drawing {_COMMON_SIZE}")
    common = folder / f"{_COMMON_SIZE}.mp4"
    encoding = (*H264, *_GOP)
    clip = Clip(common.name, REAL, "h264", SIZES[_COMMON_SIZE], (fill("portrait", 10),), encoding)
    write_clip(common, clip, {"portrait": real_portrait()}, seed=1)
    videos = [(_COMMON_LENGTH, _COMMON_SIZE, common)]
    for size, (width, height) in _until(SIZES, largest):
        if size != _COMMON_SIZE:
            on_step(f"scaling to {size}")
            path = folder / f"{size}.mp4"
            encode(["-i", str(common), "-vf", f"scale={width}:{height}", *encoding], path)
            videos.append((_COMMON_LENGTH, size, path))
    for length, times in _until(LENGTHS, longest):
        if times > 1:
            on_step(f"repeating until {length}")
            path = folder / f"{length.replace(' ', '')}.mp4"
            encode(["-stream_loop", str(times - 1), "-i", str(common), "-c", "copy"], path)
            videos.append((length, _COMMON_SIZE, path))
    return videos


def _until(choices: Mapping[str, _Choice], last: str) -> list[tuple[str, _Choice]]:
    names = list(choices)
    return [(name, choices[name]) for name in names[: names.index(last) + 1]]
