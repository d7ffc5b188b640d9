"""Writes the JSON report piece by piece, so that a batch of a million videos needs no memory of that size."""

import json
from collections.abc import Iterable, Mapping
from typing import IO, Any

from cli.rendering.names import safe_json


def write_report_json(head: Mapping[str, Any], videos: Iterable[Mapping[str, Any]], stream: IO[str]) -> None:
    """Writes one JSON object: the head's fields, then `videos`, one per line."""
    stream.write("{\n")
    for name, value in head.items():
        stream.write(f"{to_json(name)}: {to_json(value)},\n")
    stream.write('"videos": [')
    separator = "\n"
    for video in videos:
        stream.write(separator + to_json(video))
        separator = ",\n"
    stream.write("\n]}\n")


def write_json(value: object, stream: IO[str]) -> None:
    """Writes one JSON value for people and programs: indented, in UTF-8."""
    stream.write(to_json(value, indent=2) + "\n")


def to_json(value: object, *, indent: int | None = None) -> str:
    """The value as JSON without NaN, safe to show on a terminal."""
    return safe_json(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent))
