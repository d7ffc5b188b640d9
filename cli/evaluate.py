"""`fakesweep evaluate`: how good a classifier is on material that it never saw."""

import json
from pathlib import Path
from typing import Any

import click

_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
_SHOWN = ("auc", "balanced_accuracy", "calibration_error", "eer", "tpr_at_5_fpr")


@click.command()
@click.argument("roots", metavar="DIR...", type=_DIRECTORY, nargs=-1, required=True)
@click.option("--bundle", type=_DIRECTORY, default=None, help="The classifier [default: the one that is shipped].")
@click.option("--exclude", multiple=True, metavar="SOURCE", help="Leave a source out, such as one it learnt from.")
@click.option("--frames", type=click.IntRange(1), default=16, show_default=True, help="Frames looked at in a video.")
@click.option("--robustness/--no-robustness", default=False, help="Measure recompressed, shrunk, noisy faces too.")
@click.option("--json", "json_path", type=click.Path(allow_dash=True, path_type=Path), default=None, metavar="FILE|-",
              help="Write every figure as JSON; - leaves nothing but JSON on standard output.")  # fmt: skip
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), default=None,
              help="Where cut faces are kept [default: the user's cache directory].")  # fmt: skip
def command(
    *,
    roots: tuple[Path, ...],
    bundle: Path | None,
    exclude: tuple[str, ...],
    frames: int,
    robustness: bool,
    json_path: Path | None,
    cache: Path | None,
) -> None:
    """Measure a classifier on held-out material.

    Give directories with real/ and fake/, or with a manifest.csv. Figures of material that the classifier learnt from
    say nothing: the card of a bundle lists its sources.

    \b
      fakesweep evaluate my-faces/ --json figures.json
      fakesweep evaluate my-faces/ --bundle my-classifier --robustness
    """
    from cli.train import default_cache
    from training.errors import TrainingError
    from training.evaluate import EvaluateOptions, evaluate_bundle
    from worker.pipeline.detector_file import find_detector

    options = EvaluateOptions(
        roots=roots,
        bundle=bundle or Path(__file__).parents[1] / "worker" / "classifiers" / "default",
        cache=cache or default_cache(),
        detector=find_detector(),
        frames=frames,
        excluded=exclude,
        robustness=robustness,
    )
    try:
        figures = evaluate_bundle(options, say=lambda line: click.echo(line, err=True))
    except TrainingError as error:
        raise click.ClickException(str(error)) from error
    if json_path == Path("-"):
        click.echo(json.dumps(figures, indent=1))
        return
    for line in _table(figures):
        click.echo(line)
    if json_path is not None:
        json_path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _table(figures: dict[str, Any]) -> list[str]:
    lines = [f"{'':24}{'real':>6}{'fake':>6}" + "".join(f"{name:>20}" for name in _SHOWN)]
    rows = [("pictures", figures.get("image"))]
    rows += [(f"videos, {method}", found) for method, found in figures.get("video", {}).items()]
    for condition, found in figures.get("robustness", {}).items():
        rows += [
            (f"pictures, {condition}", found.get("image")),
            (f"videos, {condition}", found.get("video", {}).get("mean")),
        ]
    for name, found in rows:
        if found and "auc" in found:
            cells = "".join(f"{found[key]:>20.3f}" for key in _SHOWN)
            lines.append(f"{name:24}{found['real']:>6}{found['fake']:>6}{cells}")
        elif found:
            lines.append(f"{name:24}one class only: no ranking; mean scores by source are in --json")
    return lines
