"""Values of `fakesweep train` that are neither plain numbers nor plain words."""

from typing import Any

import click


class Unfreeze(click.ParamType[int | str]):
    """A number of stages, or "all"."""

    name = "N|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Click's hook."""
        if value == "all":
            return "all"
        return click.IntRange(0).convert(value, param, ctx)


class ClassWeights(click.ParamType["str | tuple[float, float]"]):
    """`on`, `off`, or two numbers."""

    name = "on|off|REAL,FAKE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | tuple[float, float]:
        """Click's hook."""
        if value in ("on", "off"):
            return "equal" if value == "on" else "found"
        try:
            real, fake = (float(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is neither on, off, nor two numbers such as 1,2", param, ctx)
        return real, fake
