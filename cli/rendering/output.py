"""Writes a result to a file, whole or not at all, or to standard output."""

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO

import click

STDOUT = "-"


class OutputFile(click.ParamType[str]):
    """A file to write, or `-` for standard output; refused at once where it cannot be written."""

    name = "file"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Checks that the file could be created, so that no scan is lost to a typing error."""
        if value == STDOUT:
            return value
        directory = Path(value).resolve().parent
        if Path(value).is_dir():
            self.fail(f"{value!r} is a directory: name a file in it", param, ctx)
        if not directory.is_dir():
            self.fail(f"{value!r} cannot be written: there is no directory {str(directory)!r}", param, ctx)
        if not _is_written_in_place(Path(value)):
            try:
                _try_writing(directory)
            except OSError as error:
                raise click.ClickException(
                    f"{value!r} cannot be written: {error.strerror}: name a file elsewhere"
                ) from error
        return value


@contextmanager
def open_output(target: str) -> Iterator[IO[str]]:
    """The stream to write to; a file takes its name only when the block ends without an error."""
    if target == STDOUT:
        with _utf8(sys.stdout.buffer) as stream:
            yield stream
    elif _is_written_in_place(Path(target)):
        with Path(target).open("w", encoding="utf-8", newline="") as stream:
            yield stream
    else:
        with _replaced_when_done(Path(target).resolve()) as stream:
            yield stream


def refuse_shared_output(*targets: str | None) -> None:
    """Refuses two results for one file (or both for standard output), of which one would be lost."""
    named = [target if target == STDOUT else str(Path(target).resolve()) for target in targets if target]
    for target in named:
        if named.count(target) > 1:
            raise click.UsageError(f"two results cannot both go to {target!r}: name two files")


@contextmanager
def _utf8(binary: IO[bytes]) -> Iterator[IO[str]]:
    sys.stdout.flush()
    stream = TextIOWrapper(binary, encoding="utf-8", newline="", write_through=True)
    try:
        yield stream
    finally:
        stream.flush()
        # Detached, as closing the wrapper would close standard output with it.
        stream.detach()


@contextmanager
def _replaced_when_done(path: Path) -> Iterator[IO[str]]:
    part = _part_file(path.parent)
    try:
        with part.open("x", encoding="utf-8", newline="") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _is_written_in_place(path: Path) -> bool:
    # Renaming over /dev/null or a pipe would replace it by a file.
    return path.exists() and not path.is_file()


def _try_writing(directory: Path) -> None:
    part = _part_file(directory)
    try:
        with part.open("xb") as stream:
            # An empty file can often be made on a full disk, one with content cannot.
            stream.write(bytes(65536))
            stream.flush()
            os.fsync(stream.fileno())
    finally:
        part.unlink(missing_ok=True)


def _part_file(directory: Path) -> Path:
    return directory / f".fakesweep-{secrets.token_hex(6)}.part"
