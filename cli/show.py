"""`fakesweep show`: one video, frame by frame."""

import click

from cli.options import AGGREGATES, json_option, video_argument
from cli.rendering.output import STDOUT, open_output


@click.command(name="show")
@video_argument
@click.option("--threshold", type=click.FloatRange(0, 1), help="Call fake from this score on, and real below.")
@click.option("--aggregate", type=click.Choice(AGGREGATES), help="Another way from frames to one score.")
@json_option
def command(video: str, threshold: float | None, aggregate: str | None, json_file: str | None) -> None:
    """Show one video, frame by frame.

    VIDEO is a path that was scanned, a number, or the start of a SHA-256 (four characters at least). Shown is
    the latest scan: verdict, persons, a timeline of the scores, and every frame with its faces.

    \b
    Examples:
      fakesweep show downloads/interview.mp4
      fakesweep show 3fa9c1 --json -
    """
    from cli.batches import named_video
    from cli.opening import opened_database
    from cli.rendering.report_json import write_json
    from cli.rendering.report_table import console_for
    from cli.rendering.video_page import print_video
    from db.verdicts import single_threshold
    from db.videos import read_video

    thresholds = None if threshold is None else single_threshold(threshold)
    with opened_database() as database, database.read() as session:
        found = read_video(session, named_video(session, video), aggregate=aggregate, thresholds=thresholds)
    if found is None:
        raise click.ClickException(f"{video!r} was submitted and never judged: see `fakesweep status`")
    if json_file:
        with open_output(json_file) as stream:
            write_json(found, stream)
    if json_file != STDOUT:
        print_video(found, console_for())
