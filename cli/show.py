"""`fakesweep show`: one video, frame by frame, and in pictures what spoke for its verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.explanation_files import ExplanationTarget
from cli.options import AGGREGATES, json_option, video_argument
from cli.rendering.output import STDOUT, OutputFile, open_output, refuse_shared_output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.session import Database


@click.command(name="show")
@video_argument
@click.option("--threshold", type=click.FloatRange(0, 1), help="Call fake from this score on, and real below.")
@click.option("--aggregate", type=click.Choice(AGGREGATES), help="Another way from frames to one score.")
@click.option("--explain", "is_explained", is_flag=True, help="Draw the faces that score highest, with heat maps.")
@click.option(
    "--output",
    type=ExplanationTarget(),
    metavar="DIR|FILE.png",
    help="Where --explain writes: a directory, or one picture alone.  [default: explained-HASH]",
)
@click.option("--faces", "count", type=click.IntRange(1, 60), help="How many faces --explain draws.  [default: 6]")
@click.option(
    "--grad-cam",
    "layer",
    metavar="LAYER",
    help="Let --explain take the gradients at a layer of the Keras network (`last`: its last features).",
)
@click.option(
    "--html", "html_file", type=OutputFile(), metavar="FILE|-", help="Write it as one HTML file, with its evidence."
)
@json_option
def command(  # noqa: PLR0913 - one argument per option
    video: str,
    *,
    threshold: float | None,
    aggregate: str | None,
    is_explained: bool,
    output: Path | None,
    count: int | None,
    layer: str | None,
    html_file: str | None,
    json_file: str | None,
) -> None:
    """Show one video, frame by frame.

    VIDEO is a path that was scanned, a number, or the start of a SHA-256 (four characters at least). Shown is
    the latest scan: verdict, persons, a timeline of the scores, and every frame with its faces. With --explain, the
    faces that score highest are drawn again from the video, with what spoke for fake (orange) and for real (blue).

    \b
    Examples:
      fakesweep show downloads/interview.mp4
      fakesweep show downloads/interview.mp4 --explain --output why/
      fakesweep show 3fa9c1 --json -
      fakesweep show 3fa9c1 --html interview.html
    """
    from cli.batches import named_video
    from cli.opening import opened_database
    from cli.rendering.report_json import write_json
    from cli.rendering.report_table import console_for
    from cli.rendering.video_page import print_video
    from db.verdicts import single_threshold
    from db.videos import read_video

    if not is_explained and (output or count or layer):
        raise click.UsageError("--output, --faces and --grad-cam say how to explain: add --explain")
    refuse_shared_output(json_file, html_file)
    is_quiet = STDOUT in (json_file, html_file)
    thresholds = None if threshold is None else single_threshold(threshold)
    with opened_database() as database:
        with database.read() as session:
            found = read_video(session, named_video(session, video), aggregate=aggregate, thresholds=thresholds)
        if found is not None and html_file:
            _write_page(database, found, html_file)
        if found is None:
            raise click.ClickException(f"{video!r} was submitted and never judged: see `fakesweep status`")
        if json_file:
            with open_output(json_file) as stream:
                write_json(found, stream)
        if not is_quiet:
            print_video(found, console_for())
        if is_explained:
            told = _explain(database, found, video, output=output, count=count or 6, layer=layer)
            click.echo(told, err=is_quiet)


def _write_page(database: Database, video: Mapping[str, Any], target: str) -> None:
    from cli.evidence_report import write_video_page
    from worker.settings import read_settings

    with database.read() as session, open_output(target) as stream:
        write_video_page(session, video, stream, read_settings())


def _explain(
    database: Database,
    video: Mapping[str, Any],
    wanted: str,
    *,
    output: Path | None,
    count: int,
    layer: str | None,
) -> str:
    """Writes the pictures; where they lie, for people."""
    from cli.explaining import explain_stored
    from cli.explanation_files import describe_method, path_of, title_of, write_explanation
    from cli.rendering.names import display_name
    from cli.rendering.units import counted
    from worker.settings import read_settings

    target = output or ExplanationTarget().convert(f"explained-{video['sha256'][:12]}", None, None)
    faces, remarks = explain_stored(database, video, wanted, settings=read_settings(), count=count, layer=layer)
    if remarks:
        click.echo(f"note: {remarks}", err=True)
    classifier = video["classifier"]
    names = ("path", "path_b64", "sha256", "score", "verdict")
    first = write_explanation(
        target,
        faces,
        title=title_of(video, path_of(video)),
        subtitle=f"judged by {classifier['name']} {classifier['version']}; heat: {describe_method(layer)}",
        head={
            "video": {name: video[name] for name in names if name in video},
            "classifier": classifier,
            "thresholds": video["thresholds"],
            "method": describe_method(layer),
        },
    )
    return f"{counted(len(faces), 'face')} explained: open {display_name(str(first))}"
