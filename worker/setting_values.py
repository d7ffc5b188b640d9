"""Reads values of FAKESWEEP_* variables, for those of all programs and of the web application alike.

What cannot be used is a ValueError: the end of a sentence that begins with the variable's name, and says what to do.
"""

import math
import os
from collections.abc import Callable
from pathlib import Path

from worker.pipeline.hardware import METHODS, OTHER_METHODS


def parse_directory(value: str) -> Path:
    """An absolute directory, which need not be there yet."""
    path = parse_path(value)
    if path.exists() and not path.is_dir():
        raise ValueError(f"must be a directory, got {value!r}, which is none: name another place, or unset it")
    return path


def parse_path(value: str) -> Path:
    """An absolute path, with `~` written out, of which the file system can say whether it is there."""
    try:
        path = Path(value).expanduser().absolute()
        # Refuses a name that is too long, and a place where we may not look.
        path.exists()
    except RuntimeError as error:
        raise ValueError(f"is no usable path, got {value!r} ({error}): write it out in full") from error
    except OSError as error:
        why = error.strerror or str(error)
        raise ValueError(f"is no usable path, got {value!r} ({why}): name another place, or unset it") from error
    return path


def one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    """A parser of one of these words, in whatever case."""

    def parse(value: str) -> str:
        if value.strip().lower() not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, got {value!r}: set one of these, or unset it")
        return value.strip().lower()

    return parse


def parse_hwaccel(value: str) -> str | None:
    """A hardware decoder by ffmpeg's name; None for "none"."""
    name = value.strip().lower()
    if name in OTHER_METHODS:
        raise ValueError(f"cannot be {value!r}, which {OTHER_METHODS[name]}: set {', '.join(METHODS)}, or unset it")
    found = one_of(("none", *METHODS))(value)
    return None if found == "none" else found


def parse_bundle(value: str) -> str:
    """The directory of a classifier's bundle."""
    path = parse_path(value)
    if not path.is_dir():
        raise ValueError(
            f"must be the directory of a bundle, got {value!r}, which is none: see `fakesweep classifiers`"
        )
    return str(path)


def parse_program(value: str) -> Path:
    """A program that can be run."""
    path = parse_path(value)
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise ValueError(f"must be a program that can be run, got {value!r}: unset it to use the bundled ffmpeg")
    return path


def parse_count(value: str) -> int:
    """A number of processes or attempts, at least 1."""
    return parse_whole(value, 1, 1024)


def parse_many(value: str) -> int:
    """A number of videos, at least 1."""
    return parse_whole(value, 1, 1_000_000)


def parse_megabytes(value: str) -> int:
    """Megabytes of memory."""
    # A process that holds a network takes more than the least.
    return parse_whole(value, 100, 1_000_000)


def parse_whole(value: str, least: int, most: int) -> int:
    """A whole number within bounds."""
    digits = value.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10 and least <= int(digits) <= most):
        raise ValueError(f"must be a whole number from {least} to {most}, got {value!r}: correct it, or unset it")
    return int(digits)


def parse_seconds(value: str) -> float:
    """Seconds, up to a week."""
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= 7 * 24 * 3600:
        raise ValueError(f"must be seconds, above 0 and up to a week, got {value!r}: correct it, or unset it")
    return seconds


def parse_days(value: str) -> float:
    """Days, from an hour to a century."""
    try:
        days = float(value)
    except ValueError:
        days = math.nan
    # Less than an hour is a mistake, more than a century the same as for ever.
    if not 1 / 24 <= days <= 36_500:
        raise ValueError(f"must be days, from 0.05 to 36500, got {value!r}: correct it, or unset it to keep for ever")
    return days
