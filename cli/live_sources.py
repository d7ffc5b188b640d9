"""What people name when they name a live source: a camera's number, a stream's address or a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from cli.rendering.names import display_name

if TYPE_CHECKING:
    from worker.live_source import LiveSource

MOST_SOURCES = 16
"""Each that is watched is a process with networks of its own."""
# Neither an address nor a path with a directory can be taken for one.
_NAMED = re.compile(r"([^=/:\\]{1,60})=(.+)", re.DOTALL)
_CAMERA = re.compile(r"\d{1,2}")
_USER = re.compile(r"(?<=://)[^/\s?#]*@")
# To the next sign that ends an address in a sentence.
_QUERY = re.compile(r"(://[^\s?#'\"<>]*)[?#][^\s'\"<>]*?(?=[:,.;)\]]*(?:[\s'\"<>]|$))")


@dataclass(frozen=True)
class NamedSource:
    """A source with its name for people.

    Args:
        name: without the password that an address may hold.
        source: what is opened.
    """

    name: str
    source: str = field(repr=False)


def named_sources(wanted: Sequence[str]) -> tuple[NamedSource, ...]:
    """The sources in the values of `--live`, each `[NAME=]SOURCE`; they are there, so far as that can be seen.

    Raises:
        ClickException: there are too many, or two of one name.
        UnreadableVideoError: a camera or a file is not there, or an address is of a kind that is not opened.
    """
    if len(wanted) > MOST_SOURCES:
        raise click.ClickException(
            f"--live takes {MOST_SOURCES} sources at most, got {len(wanted)}: start another server"
        )
    found: dict[str, NamedSource] = {}
    for value in wanted:
        match = _NAMED.fullmatch(value)
        source = match[2] if match else value
        name = match[1].strip() if match and match[1].strip() else public_name(source)
        if name in found:
            raise click.ClickException(f"two live sources are called {name!r}: name them, as in --live NAME=SOURCE")
        open_source(source)
        found[name] = NamedSource(name, source)
    return tuple(found.values())


def open_source(source: str) -> LiveSource:
    """What ffmpeg is told of a camera's number, an address or a file.

    Raises:
        UnreadableVideoError: it is not there, or of a kind that is not opened.
    """
    from worker.live_source import camera_source, named_source

    return camera_source(int(source)) if _CAMERA.fullmatch(source) else named_source(source)


def public_name(source: str) -> str:
    """A source as strangers may read it: of an address neither user, password nor query, of a file its name alone."""
    if _CAMERA.fullmatch(source):
        return f"camera {source}"
    if "://" in source:
        return display_name(_USER.sub("", source).partition("?")[0].partition("#")[0])
    return display_name(source.rpartition("/")[2])


def without_secrets(text: str, source: str) -> str:
    """What was said of a source, without the secrets of its address or of another in the text, as of a redirection."""
    if not _CAMERA.fullmatch(source):
        text = text.replace(source, public_name(source))
    return _QUERY.sub(r"\1", _USER.sub("", text))
