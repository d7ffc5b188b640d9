"""Finds the ffmpeg binary, and builds the commands that it is run with."""

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg as graph
import imageio_ffmpeg

from worker.pipeline.errors import Reason, TransientError
from worker.pipeline.formats import FORMAT_WHITELIST, PROTOCOLS
from worker.pipeline.limits import Limits
from worker.pipeline.results import VideoFacts

STATS_FORMAT = "{pts} {tb}"
_PQ, _HLG = 16, 18
_HDR_NAMES = {_PQ: "smpte2084", _HLG: "arib-std-b67"}
_UNSAID_MATRIX = 2
_BT2020_MATRICES = (9, 10)
HD_HEIGHT_PX = 720
"""From here on a video that does not name its matrix is BT.709, below it BT.601, as players take it."""
SDR_WHITE_NITS = 203
"""Diffuse white of HDR pictures, ITU-R BT.2408."""


def find_ffmpeg(configured: Path | None = None) -> Path:
    """The binary to run: the configured one, or the one that the imageio-ffmpeg wheel carries.

    Raises:
        TransientError: there is none that can be run; `detail` says what to do.
    """
    if configured is not None:
        if not (configured.is_file() and os.access(configured, os.X_OK)):
            detail = f"no ffmpeg that can be run at {configured}: set FAKESWEEP_FFMPEG to one, or unset it"
            raise TransientError(Reason.INTERNAL_ERROR, detail)
        return configured.absolute()
    return _bundled_ffmpeg()


@dataclass(frozen=True)
class Source:
    """What one decoder reads.

    Args:
        descriptor: of the file, at its start.
        facts: of that file.
        seek_s: absolute time before which the decoder starts at a keyframe, None for the start of the file.
        pick_from_s: absolute times; of each, the first picture at or after it is picked. None picks every picture.
        pictures: how many come at most.
        times_s: of every picture, counted from the video's first; empty where all that is known is in `facts`.
    """

    descriptor: int
    facts: VideoFacts
    seek_s: float | None
    pick_from_s: tuple[float, ...] | None
    pictures: int
    times_s: tuple[float, ...] = ()


def decode_command(
    ffmpeg: Path, source: Source, *, video_fd: int, stats_fd: int, size: tuple[int, int], limits: Limits
) -> list[str]:
    """The command that writes a source's pictures to its standard output, raw, and their times to `stats_fd`.

    Args:
        ffmpeg: the binary.
        source: what is read.
        video_fd: the source's descriptor in the child.
        stats_fd: descriptor of the pipe for the times.
        size: width and height of the frames, upright.
        limits: of the run.
    """
    where: dict[str, Any] = (
        {} if source.seek_s is None else {"seek_timestamp": 1, "ss": f"{source.seek_s:.6f}", "noaccurate_seek": None}
    )
    if limits.hwaccel is not None:
        # No format is asked for, so that ffmpeg brings each picture back to memory, in the format of its choice.
        where["hwaccel"] = limits.hwaccel
    video = _input(video_fd, limits, **where)[str(source.facts.stream_index)]
    if source.pick_from_s is not None:
        video = video.filter("settb", "1/1000000").filter("select", pick_expression(source.pick_from_s))
    for name, arguments, options in picture_filters(source.facts, size):
        video = video.filter(name, *arguments, **options)
    output = video.output(
        "pipe:1",
        format="rawvideo",
        pix_fmt="rgb24",
        fps_mode="passthrough",
        enc_time_base="filter",
        stats_enc_pre=f"pipe:{stats_fd}",
        stats_enc_pre_fmt=STATS_FORMAT,
        **{"frames:v": source.pictures},
    )
    return _compile(output, ffmpeg)


def survey_command(ffmpeg: Path, facts: VideoFacts, *, video_fd: int, limits: Limits) -> list[str]:
    """The command that decodes nothing and lists every packet's times on its standard output."""
    output = _input(video_fd, limits)[str(facts.stream_index)].output("pipe:1", format="framecrc", c="copy")
    return _compile(output, ffmpeg)


def pick_expression(pick_from_s: Sequence[float]) -> str:
    """An expression for the select filter: true at the first picture at or after each time."""
    passed = _sum_of([f"gte(t,{t_s:.6f})" for t_s in pick_from_s])
    # Register 1 holds how many times had passed at the last picture picked.
    return f"gt(st(0,{passed}),ld(1))*(1+0*st(1,ld(0)))"


def _sum_of(terms: Sequence[str]) -> str:
    """A sum in nested halves: ffmpeg's parser gives up on expressions about a hundred levels deep."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return f"({_sum_of(terms[:middle])}+{_sum_of(terms[middle:])})"


def picture_filters(facts: VideoFacts, size: tuple[int, int]) -> list[tuple[str, tuple[str, ...], dict[str, str]]]:
    """Filters that make a decoded picture an upright 8-bit RGB one of `size`, in order: name, arguments, options."""
    width, height = size if facts.rotation_deg in (0, 180) else size[::-1]
    quality = "bicubic+accurate_rnd+full_chroma_int"
    scale = {"w": str(width), "h": str(height), "flags": quality}
    if facts.color_transfer in _HDR_NAMES:
        filters = [("scale", (), scale), ("format", ("yuv444p10le",), {}), *_tone_map(facts)]
    else:
        if facts.color_space == _UNSAID_MATRIX:
            is_hd = min(facts.width_px, facts.height_px) >= HD_HEIGHT_PX
            scale["in_color_matrix"] = "bt709" if is_hd else "bt601"
        filters = [("scale", (), scale)]
    turns = {90: ["clock"], 180: ["clock", "clock"], 270: ["cclock"]}.get(facts.rotation_deg, [])
    filters += [("format", ("rgb24",), {}), *(("transpose", (turn,), {}) for turn in turns)]
    return filters


def _tone_map(facts: VideoFacts) -> list[tuple[str, tuple[str, ...], dict[str, str]]]:
    linear = {
        "tin": _HDR_NAMES[facts.color_transfer],
        "pin": "bt2020",
        "min": "bt2020nc" if facts.color_space in (*_BT2020_MATRICES, _UNSAID_MATRIX) else "bt709",
        "rin": "limited",
        "t": "linear",
        "npl": str(SDR_WHITE_NITS),
    }
    return [
        ("zscale", (), linear),
        ("format", ("gbrpf32le",), {}),
        ("zscale", (), {"p": "bt709"}),
        ("tonemap", (), {"tonemap": "mobius", "desat": "0"}),
        ("zscale", (), {"t": "bt709", "m": "gbr", "r": "full"}),
        ("format", ("gbrp",), {}),
    ]


def _input(video_fd: int, limits: Limits, **options: Any) -> Any:
    return graph.input(
        "fd:",
        fd=video_fd,
        protocol_whitelist=PROTOCOLS,
        format_whitelist=FORMAT_WHITELIST,
        max_streams=limits.max_streams,
        probesize=5_000_000,
        analyzeduration=5_000_000,
        max_pixels=limits.max_pixels,
        threads=limits.decoder_threads,
        # Turned by our own filters after resizing, which costs less.
        noautorotate=None,
        **options,
    )


def _compile(output: Any, ffmpeg: Path) -> list[str]:
    head = [str(ffmpeg), "-nostdin", "-hide_banner", "-nostats", "-v", "warning", "-copyts", "-filter_threads", "1"]
    return [str(argument) for argument in output.compile(cmd=head)]


@functools.cache
def _bundled_ffmpeg() -> Path:
    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        detail = "no ffmpeg found: install imageio-ffmpeg again, or set FAKESWEEP_FFMPEG to a binary"
        raise TransientError(Reason.INTERNAL_ERROR, detail) from error
