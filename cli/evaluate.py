"""`fakesweep evaluate`: how good a classifier is on material that it never saw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.options import json_option
from cli.rendering.output import STDOUT, OutputFile, open_output, refuse_shared_output
from worker.safe_text import safe_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_MATERIAL = click.Path(exists=True, path_type=Path)
_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
_SHOWN = (
    ("auc", "AUC"),
    ("tpr_at_5_fpr", "found at 5 % FPR"),
    ("balanced_accuracy", "balanced accuracy"),
    ("calibration_error", "ECE"),
    ("eer", "EER"),
)


@click.command()
@click.argument("roots", metavar="DIR|FILE.csv...", type=_MATERIAL, nargs=-1, required=True)
@click.option("--bundle", type=_DIRECTORY, default=None, help="The classifier [default: the one that is shipped].")
@click.option("--exclude", multiple=True, metavar="SOURCE", help="Leave a source out, such as one it learnt from.")
@click.option("--frames", type=click.IntRange(1), default=16, show_default=True, help="Frames looked at in a video.")
@click.option("--robustness/--no-robustness", default=True, show_default=True,
              help="Measure recompressed, shrunk, blurred and noisy faces too.")  # fmt: skip
@json_option
@click.option("--html", "html_file", type=OutputFile(), default=None, metavar="FILE",
              help="Write a page with figures, plots and faces; it needs no network.")  # fmt: skip
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), default=None,
              help="Where cut faces are kept [default: the user's cache directory].")  # fmt: skip
def command(
    *,
    roots: tuple[Path, ...],
    bundle: Path | None,
    exclude: tuple[str, ...],
    frames: int,
    robustness: bool,
    json_file: str | None,
    html_file: str | None,
    cache: Path | None,
) -> None:
    """Measure a classifier on held-out material.

    Give directories with real/ and fake/ or a manifest.csv in them, or a manifest itself; of a layout with splits, the
    test part is measured. Figures of sources that the classifier learnt from say little: they are marked. Degraded
    faces are measured on up to 1000 pictures and 1000 videos, alike from every source.

    \b
    Examples:
      fakesweep evaluate my-faces/ --html figures.html
      fakesweep evaluate my-faces/ --bundle my-classifier --no-robustness --json - | jq .image.auc
    """
    from cli.train import default_cache
    from training.errors import TrainingError
    from training.evaluate import Evaluator
    from training.evaluation import EvaluateOptions
    from worker.pipeline.detector_file import find_detector
    from worker.pipeline.errors import PipelineError

    refuse_shared_output(json_file, html_file)
    try:
        options = EvaluateOptions(
            roots=roots,
            bundle=bundle or Path(__file__).parents[1] / "worker" / "classifiers" / "default",
            cache=cache or default_cache(),
            detector=find_detector(),
            frames=frames,
            excluded=exclude,
            robustness=robustness,
        )
        evaluator = Evaluator(options, say=lambda line: click.echo(safe_text(line), err=True))
        evaluation = evaluator.evaluate(with_pictures=html_file is not None)
    except (TrainingError, PipelineError) as error:
        raise click.ClickException(str(error)) from error
    if json_file:
        from cli.rendering.report_json import write_json

        with open_output(json_file) as stream:
            write_json(evaluation.figures, stream)
    if html_file:
        from training.evaluation_page import render_page

        with open_output(html_file) as stream:
            stream.write(render_page(evaluation))
    if STDOUT not in (json_file, html_file):
        _print_table(evaluation.figures)


def _print_table(figures: Mapping[str, Any]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from cli.rendering.report_table import console_for

    table = Table("", "real", "fake", *(name for _, name in _SHOWN), box=SIMPLE_HEAD, pad_edge=False)
    for name, found in _rows(figures):
        if "auc" in found:
            table.add_row(name, str(found["real"]), str(found["fake"]), *(_cell(found, key) for key, _ in _SHOWN))
        else:
            table.add_row(name, str(found["real"]), str(found["fake"]), "one class: see the mean scores in --json")
    console = console_for()
    console.print(table)
    console.print(f"{figures['coverage']:.1%} of the files were judged. In brackets: 95 % of bootstrap rounds.")


def _rows(figures: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    rows = [(name, figures[key]) for key, name in (("image", "pictures"), ("frame", "frames")) if key in figures]
    rows += [(f"videos, {method}", found) for method, found in figures.get("video", {}).items()]
    for condition, parts in figures.get("robustness", {}).items():
        if condition != "clean":
            rows += [(f"{_PLURALS[kind]}, {condition}", found) for kind, found in parts.items()]
    return rows


_PLURALS = {"image": "pictures", "video": "videos"}


def _cell(found: Mapping[str, Any], key: str) -> str:
    low, high = found["intervals"].get(key) or (None, None)
    return f"{found[key]:.3f}" if low is None else f"{found[key]:.3f} [{low:.3f}, {high:.3f}]"
