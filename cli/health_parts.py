"""Finds the parts of an installation that run on this machine, as a container asks of itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath

PARTS = ("worker", "scheduler", "serve")
_DEFAULT_PORT = "8000"


@dataclass(frozen=True)
class RunningPart:
    """A part that runs.

    Args:
        url: of `serve`, as this machine reaches it; None for the others.
    """

    name: str
    url: str | None = None


def running_parts() -> list[RunningPart]:
    """Each part of this installation that runs here, once, in the order of `PARTS`; other commands need no care."""
    import psutil

    found: dict[str, RunningPart] = {}
    for process in psutil.process_iter(["cmdline"]):
        part = part_of(process.info["cmdline"] or ())
        # Another installation's answers to another database; who may not be looked at is another user's.
        with suppress(psutil.Error, OSError):
            if part is not None and _place_of(process.environ()) == _place_of(os.environ):
                found.setdefault(part.name, part)
    return [found[name] for name in PARTS if name in found]


def part_of(command: Sequence[str]) -> RunningPart | None:
    """The part that a command line runs, None where it runs another command or program."""
    for number, word in enumerate(command[:-1]):
        is_ours = PurePath(word).name == "fakesweep" or (word == "cli.main" and command[number - 1] == "-m")
        if is_ours:
            name = command[number + 1]
            if name not in PARTS:
                return None
            return RunningPart(name, _url_of(command) if name == "serve" else None)
    return None


def _place_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(environ.get(name, "") for name in ("FAKESWEEP_HOME", "FAKESWEEP_DATABASE_URL"))


def _url_of(command: Sequence[str]) -> str:
    ports = [value for word, value in _options(command) if word == "--port"]
    return f"http://127.0.0.1:{ports[-1] if ports else _DEFAULT_PORT}"


def _options(command: Sequence[str]) -> Iterator[tuple[str, str]]:
    for word, following in zip(command, [*command[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        yield (name, value) if equals else (word, following)
