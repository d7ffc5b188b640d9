"""`fakesweep collect`: pictures for training, from an image API, from URLs, from other places."""

from collections.abc import Mapping
from importlib import import_module

import click

COMMANDS: Mapping[str, str] = {
    "generate": "Collect AI faces from an image API.",
    "fetch": "Collect real faces behind the URLs of a JSON export.",
    "copy": "Copy labelled material between directories and object stores.",
}
"""Each command and its one-liner; its file is `cli/collect_<name>.py`."""


class _CollectGroup(click.Group):
    """A group that imports a command's file only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"cli.collect_{cmd_name}").command
        return command


@click.group(cls=_CollectGroup)
def command() -> None:
    """Collect pictures for training.

    Everything ends below TARGET/real/SOURCE/ or TARGET/fake/SOURCE/ and in TARGET/manifest.csv, which
    `fakesweep train --data TARGET` reads. Run the same command again to go on after an interruption.

    \b
    Examples:
      fakesweep collect generate faces/ --model gpt-image-1 --prompts prompts.txt --count 200
      fakesweep collect fetch faces/ --from export.json --source portraits
      fakesweep collect copy faces/ s3://my-bucket/faces
    """
