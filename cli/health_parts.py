"""Finds the parts of an installation that run on this machine, as a container asks of itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath

PARTS = ("worker", "scheduler", "serve")
DEFAULT_URL = "http://127.0.0.1:8000"
"""Of `serve` where nothing else was wished."""
# Who listens everywhere listens here too.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - what a command line may say
_PYTHON = re.compile(r"(python|pypy)[\d.]*")
_OPTIONS_WITH_VALUES = frozenset({"-W", "-X", "--check-hash-based-pycs"})


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
    words = _words_of_ours(command)
    if not words or words[0] not in PARTS:
        return None
    return RunningPart(words[0], _url_of(words) if words[0] == "serve" else None)


def _words_of_ours(command: Sequence[str]) -> Sequence[str]:
    """What stands after our program; nothing where another program runs, though it may speak of ours."""
    if not command:
        return ()
    number = 0
    if _PYTHON.fullmatch(PurePath(command[0]).name):
        number = 1
        while number < len(command) and command[number].startswith("-") and command[number] not in ("-m", "-c"):
            number += 2 if command[number] in _OPTIONS_WITH_VALUES else 1
        if list(command[number : number + 2]) == ["-m", "cli.main"]:
            return command[number + 2 :]
    is_ours = number < len(command) and PurePath(command[number]).name == "fakesweep"
    return command[number + 1 :] if is_ours else ()


def _place_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(environ.get(name, "") for name in ("FAKESWEEP_HOME", "FAKESWEEP_DATABASE_URL"))


def _url_of(command: Sequence[str]) -> str:
    wished = {"--host": "127.0.0.1", "--port": "8000", **dict(_options(command))}
    host = _EVERYWHERE.get(wished["--host"], wished["--host"])
    return f"http://{f'[{host}]' if ':' in host else host}:{wished['--port']}"


def _options(command: Sequence[str]) -> Iterator[tuple[str, str]]:
    for word, following in zip(command, [*command[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        yield (name, value) if equals else (word, following)
