"""Writes the report as CSV with fixed columns that a spreadsheet can open without running anything."""

import base64
import csv
from collections.abc import Iterable, Mapping
from typing import IO, Any

from worker.safe_text import safe_text

COLUMNS = (
    "path",
    "path_b64",
    "sha256",
    "reused",
    "state",
    "reason",
    "detail",
    "warnings",
    "score",
    "verdict",
    "duration_s",
    "width_px",
    "height_px",
    "codec",
    "frames_sampled",
    "frames_with_faces",
    "faces",
    "tracks",
    "probe_s",
    "decode_s",
    "detect_s",
    "classify_s",
    "total_s",
    "attempts",
    "worker",
    "finished_at",
)
"""The columns, in their order; new ones are only ever added at the end."""

# The wide forms too: a spreadsheet set to Japanese or Chinese takes them for the others.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_report_csv(videos: Iterable[Mapping[str, Any]], stream: IO[str]) -> None:
    """Writes a header and one row per video.

    Control characters of a name are spelled out, and a text that a spreadsheet would run as a formula gets a leading
    apostrophe. Where the path is not shown as it is, `path_b64` holds its exact bytes.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for video in videos:
        writer.writerow([_cell(value) for value in _values(video)])


def _values(video: Mapping[str, Any]) -> list[object]:
    seconds = video.get("seconds") or {}
    path = video["path"]
    exact = video.get("path_b64") or ("" if _cell(path) == path else _base64(path))
    special = {
        "path_b64": exact,
        "warnings": " ".join(video.get("warnings") or ()),
        "tracks": len(video.get("tracks") or ()),
        **{f"{stage}_s": seconds.get(stage) for stage in ("probe", "decode", "detect", "classify", "total")},
    }
    return [special.get(column, video.get(column)) for column in COLUMNS]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode("ascii")


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        safe = safe_text(value)
        return f"'{safe}" if value.startswith(_FORMULA_STARTS) else safe
    return "" if value is None else value
