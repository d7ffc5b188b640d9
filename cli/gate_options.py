"""The options of every command that takes a classifier through the gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click


class MarginType(click.ParamType[tuple[str, float]]):
    """FIGURE=VALUE, such as auc=0.02."""

    name = "FIGURE=VALUE"

    def convert(
        self, value: str | tuple[str, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """The figure and its margin; a wrong one is refused before anything is judged."""
        from training.margins import Margins

        if isinstance(value, tuple):
            return value
        name, _, number = value.partition("=")
        try:
            margin = float(number)
            Margins({name: margin})
        except ValueError as error:
            reason = str(error) if _is_number(number) else f"{value!r} is no FIGURE=VALUE, such as auc=0.02"
            self.fail(reason, param, ctx)
        return name, margin


def gate_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--force`, `--reason` and `--margin`."""
    for decorate in (
        click.option("--margin", "margins", type=MarginType(), multiple=True,
                     help="How much worse a figure may be, such as auc=0.02; may be given more than once."),
        click.option("--reason", help="Why, in a sentence; recorded."),
        click.option("--force", is_flag=True, help="Activate it whatever the gate says; recorded with the figures."),
    ):  # fmt: skip
        command = decorate(command)
    return command


def as_mapping(margins: tuple[tuple[str, float], ...]) -> Mapping[str, float]:
    """The margins by figure; of one that was given twice, the last."""
    return dict(margins)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
