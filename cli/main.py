"""The `fakesweep` command."""

import click


@click.group()
def main() -> None:
    """Find AI-generated and deepfaked faces in more video than anyone can watch."""
