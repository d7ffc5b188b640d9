"""`fakesweep scan`: judges every video in files and directories, in one go."""

from __future__ import annotations

from typing import Any

import click

from cli.options import jsonl_option, judging_options, paths_argument
from cli.rendering.output import OutputFile


@click.command(name="scan")
@paths_argument
@judging_options
@click.option(
    "--json",
    "json_file",
    type=OutputFile(),
    metavar="FILE|-",
    help="Write the report as JSON; `-` is standard output.",
)
@click.option(
    "--csv",
    "csv_file",
    type=OutputFile(),
    metavar="FILE|-",
    help="Write the report as CSV; `-` is standard output.",
)
@click.option(
    "--html",
    "html_file",
    type=OutputFile(),
    metavar="FILE|-",
    help="Write the report as one HTML file with its evidence; `-` is standard output.",
)
@click.option(
    "--workers",
    type=click.IntRange(0, 1024),
    metavar="N",
    help="Videos judged at once on this machine; 0 leaves all to workers elsewhere. [default: one per core]",
)
@jsonl_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    json_file: str | None,
    csv_file: str | None,
    html_file: str | None,
    workers: int | None,
    is_json: bool,
    **wanted: Any,
) -> None:
    """Judge every video in files and directories, in one go.

    Starts what it needs (queue, workers), follows the progress, prints a table and stops what it started. A file
    that was judged before, under whatever name, is not judged again. Ctrl-C stops cleanly; the same command goes
    on where it stopped.

    A path that you name is always judged or accounted for; of a directory, the files with a video's extension.

    Ends with status 0 when every file was judged or has no face in it, 3 when some could not be judged, 4 when the
    counts do not add up, 1 on an error, 2 on wrong usage, 130 when interrupted.

    \b
    Examples:
      fakesweep scan downloads/
      fakesweep scan interview.mp4 --preset thorough
      fakesweep scan downloads/ --json report.json --html report.html
      fakesweep scan downloads/ --json - | jq '.videos[] | select(.verdict == "fake") | .path'
      fakesweep scan downloads/ --jsonl --json report.json | jq .eta_s
      fakesweep scan -- -starts-with-a-dash.mp4
    """
    from cli.delivering import Targets
    from cli.submitting import Wanted
    from cli.sweep import run_scan

    targets = Targets(json_file, csv_file, html_file, is_followed_in_json=is_json)
    asked = Wanted(**wanted, priority="interactive")
    ctx.exit(run_scan(asked, targets, workers=workers))
