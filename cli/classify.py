"""`fakesweep classify`: judges pictures, without queue or database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.explanation_files import ExplanationTarget, is_sheet_alone
from cli.options import json_option
from cli.rendering.output import STDOUT, open_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.picture_judging import PictureJudge


@click.command(name="classify")
@click.argument("paths", nargs=-1, required=True, metavar="IMAGE|DIR...", type=click.Path(path_type=bytes))
@click.option(
    "--explain",
    "target",
    type=ExplanationTarget(),
    metavar="DIR|FILE.png",
    help="Draw the faces with heat maps: into a directory (one below it for each of several pictures), or one file.",
)
@json_option
@click.pass_context
def command(ctx: click.Context, /, *, paths: tuple[bytes, ...], target: Path | None, json_file: str | None) -> None:
    """Judge pictures, without queue or database.

    Every face of a picture is judged, and the picture takes its highest score. A path that you name is always
    accounted for; of a directory, the files with a picture's extension. Ends with status 0 when every picture was
    judged or has no face in it, 3 when some could not be judged.

    \b
    Examples:
      fakesweep classify portrait.jpg
      fakesweep classify portraits/ --json - | jq '.images[] | {path, score}'
      fakesweep classify portrait.jpg --explain why/
    """
    from cli.picture_judging import find_pictures, open_judge
    from cli.rendering.report_json import write_json
    from worker.settings import read_settings

    found = find_pictures(paths)
    if not found:
        raise click.UsageError(
            "no picture in the directories: name a picture itself if its extension is an unusual one"
        )
    if target is not None and is_sheet_alone(target) and len(found) > 1:
        raise click.UsageError(f"{len(found)} pictures cannot all be explained in {str(target)!r}: name a directory")
    judge = open_judge(read_settings())
    images = [judge.describe(path) for path in found]
    if json_file:
        with open_output(json_file) as stream:
            write_json({**judge.head, "images": images}, stream)
    if json_file != STDOUT:
        _print_table(judge, images)
    if target is not None:
        _explain(judge, found, images, target, is_quiet=json_file == STDOUT)
    ctx.exit(0 if all(image["state"] in ("judged", "no_face") for image in images) else 3)


def _explain(
    judge: PictureJudge, paths: Sequence[bytes], images: Sequence[dict[str, Any]], target: Path, *, is_quiet: bool
) -> None:
    from cli.explaining_pictures import explain_judged_picture
    from cli.rendering.names import display_name

    for number, (path, image) in enumerate(zip(paths, images, strict=True), start=1):
        if image["state"] == "judged":
            place = target if len(paths) == 1 else target / f"picture-{number:03}"
            first = explain_judged_picture(judge, path, image, place)
            click.echo(f"{display_name(path)}: open {display_name(str(first))}", err=is_quiet)


def _print_table(judge: PictureJudge, images: Sequence[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from cli.rendering.report_table import console_for, verdict_text
    from cli.rendering.units import format_score
    from worker.safe_text import safe_text

    table = Table("verdict", "score", "faces", "picture", "note", box=SIMPLE_HEAD, pad_edge=False)
    for image in images:
        note = safe_text(f"{image['reason']}: {image['detail']}") if image["reason"] else ""
        faces = str(len(image["faces"]))
        score = format_score(image["score"])
        table.add_row(verdict_text(image), Text(score), Text(faces), Text(safe_text(image["path"])), Text(note))
    console = console_for()
    console.print(table)
    classifier = judge.head["classifier"]
    console.print(Text(safe_text(f"Judged by {classifier['name']} {classifier['version']}.")))
