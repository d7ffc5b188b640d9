"""The `fakesweep` command: a group that imports a command's file only when that command is asked for."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version

import click

from cli.errors import expected_message
from worker.safe_text import safe_text

COMMANDS: Mapping[str, str] = {
    "scan": "Judge every video in files and directories, in one go.",
    "submit": "Queue videos for workers that run elsewhere.",
    "worker": "Judge queued videos until stopped.",
    "scheduler": "Put lost work back in the queue until stopped.",
    "watch": "Follow a batch while it is judged.",
    "status": "Count the states of a batch.",
    "report": "List the verdicts of a batch as a table, JSON, CSV or HTML.",
    "show": "Show one video, frame by frame.",
    "cancel": "Stop judging the videos of a batch.",
    "retry": "Queue the failed videos of a batch again.",
    "review": "Set a person's label beside the machine's verdict.",
    "classify": "Judge pictures, without queue or database.",
    "live": "Judge what a camera or a stream shows, as it comes.",
    "collect": "Collect pictures for training.",
    "train": "Train a classifier from labelled faces.",
    "evaluate": "Measure a classifier on held-out material.",
    "classifiers": "List, import, activate and roll back classifiers.",
    "serve": "Serve the web application and its HTTP API.",
    "tokens": "Make, list and revoke tokens for the web application.",
    "webhooks": "Name addresses that are told when a batch ends or a fake is found.",
    "doctor": "Check what is installed, reachable and missing.",
    "drill": "Hurt an installation of its own in every known way, and check that nothing was lost.",
    "health": "Tell by the exit status whether a part of this installation is well.",
    "db": "Look after the database.",
}
"""Each command and its one-liner, so that the overview needs no command's file; a test holds them equal."""

INTERRUPTED = 130
"""The shell's own status for a command that Ctrl-C ended."""


class LazyGroup(click.Group):
    """A group whose commands live in `cli/<name>.py` as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of the commands, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Imports the command's file; None where there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Writes the overview from the one-liners."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Runs the command; an expected error becomes one message, Ctrl-C the status 130."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)
        except click.ClickException as error:
            # A message repeats what it complains of, and that may be a stranger's file name. Click calls it final.
            vars(error)["message"] = safe_text(error.message)
            raise
        except Exception as error:
            message = expected_message(error)
            if message is None:
                raise
            raise click.ClickException(safe_text(message)) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("fakesweep"), prog_name="fakesweep")
def main() -> None:
    """Find AI-generated and deepfaked faces in more video than anyone can watch.

    \b
    Start here:
      fakesweep scan holiday.mp4 downloads/     judge a file and a directory
      fakesweep report --verdict fake           list what was called fake
      fakesweep doctor                          see what is missing on this machine
    """


if __name__ == "__main__":
    main()
