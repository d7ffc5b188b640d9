"""What the commands that collect have in common: options, how they name themselves, and their progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeVar

import click

from worker.safe_text import safe_text

if TYPE_CHECKING:
    from training.collect.picture_check import FaceRule

Command = TypeVar("Command", bound=Callable[..., object])

# Lines of progress come no more often than this.
LINE_EVERY_S = 2.0
SOME_FAILED = 3
"""Exit status where everything ended, and some of it can be tried again."""

USER_AGENT = f"fakesweep/{version('fakesweep')}"


def target_options(command: Command) -> Command:
    """Where pictures go, and what they are called there."""
    for option in (
        click.option("--anonymous", "is_anonymous", is_flag=True, help="Ask an S3 without credentials."),
        click.option("--endpoint-url", metavar="URL", default=None, help="Of an S3 that is not Amazon's."),
        click.option("--licence", default="", help="Terms of the pictures, for the manifest."),
        click.argument("target", metavar="TARGET"),
    ):
        command = option(command)
    return command


def face_options(command: Command) -> Command:
    """Which pictures are kept for their faces."""
    for option in (
        click.option("--min-face-px", type=click.IntRange(1), default=64, show_default=True,
                     help="Faces whose longer side is below this do not count."),
        click.option("--one-face", is_flag=True, help="Keep only pictures with exactly one face."),
        click.option("--faces-only", is_flag=True, help="Keep only pictures with a face."),
    ):  # fmt: skip
        command = option(command)
    return command


def face_rule(*, faces_only: bool, one_face: bool, min_face_px: int) -> FaceRule | None:
    """The rule that the options ask for, with the worker's own detector; None where faces do not matter."""
    if not (faces_only or one_face):
        return None
    from training.collect.picture_check import FaceRule
    from worker.pipeline.detector_file import find_detector
    from worker.pipeline.faces import FaceDetector

    return FaceRule(FaceDetector(find_detector()), min_side_px=min_face_px, is_one=one_face)


@dataclass
class SparseLines:
    """Says lines on standard error, but not more than one in a while."""

    every_s: float = LINE_EVERY_S
    _said_at: float = float("-inf")

    def __call__(self, line: str) -> None:
        """Says the line, or drops it where one was said just before."""
        now = time.monotonic()
        if now - self._said_at >= self.every_s:
            self._said_at = now
            click.echo(safe_text(line), err=True)
