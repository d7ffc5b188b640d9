"""`fakesweep train`: from labelled faces to a classifier bundle."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from cli.gate_options import as_mapping, gate_options
from cli.train_values import ClassWeights, Unfreeze
from training.backbones.names import BACKBONES, WEIGHTS_STYLES
from training.recipe import OPTIMIZERS, PRECISIONS
from worker.safe_text import safe_text

_MATERIAL = click.Path(exists=True, path_type=Path)


@click.command()
@click.option("--data", "roots", type=_MATERIAL, multiple=True, required=True, metavar="DIR|FILE.csv",
              help="Directory with real/ and fake/ or a manifest.csv in it, or a manifest; repeatable.")  # fmt: skip
@click.option("--weights", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="ImageNet weights of the backbone in Keras' layout; none: from nothing.")  # fmt: skip
@click.option("--weights-style", type=click.Choice(WEIGHTS_STYLES), default=None,
              help="Whose values a weights file holds that is not known by its hash.")  # fmt: skip
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=Path("classifier"),
              show_default=True, help="Where the bundle goes; replaces an older one.")  # fmt: skip
@click.option("--backbone", type=click.Choice(BACKBONES), default="mobilenetv2", show_default=True)
@click.option("--residual/--no-residual", default=False, show_default=True,
              help="Put a branch of fixed noise residuals beside the backbone.")  # fmt: skip
@click.option("--contrast/--no-contrast", default=False, show_default=True,
              help="Compare each feature of the face with that of its surroundings.")  # fmt: skip
@click.option("--size", "size_px", type=click.IntRange(32, 1024), default=224, show_default=True,
              help="Side of the network's input in pixels, a multiple of 32.")  # fmt: skip
@click.option("--name", default=None, help="Name of the classifier [default: fakesweep- and the backbone].")
@click.option("--version", default="1", show_default=True, help="Version of the classifier.")
@click.option("--exclude", multiple=True, metavar="SOURCE", help="Leave a source out altogether.")
@click.option("--measure-only", multiple=True, metavar="SOURCE", help="Judge a source, but never learn from it.")
@click.option("--matched", nargs=2, multiple=True, metavar="SOURCE SOURCE",
              help="Two sources to be held out together, such as the real and the fake half of one set.")  # fmt: skip
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True,
              help="Folds of the cross-validation by source (where the data names no splits).")  # fmt: skip
@click.option("--leave-one-out", is_flag=True, help="Make each source (with its matched one) a fold of its own.")
@click.option("--final/--no-final", default=True,
              help="Fit the network that is kept, too; without it the figures are written and no bundle.")  # fmt: skip
@click.option("--optimizer", type=click.Choice(OPTIMIZERS), default=None,
              help="AdamW (warm-up, cosine) or SGD (momentum, rate falls in steps).")  # fmt: skip
@click.option("--epochs", type=click.IntRange(0), default=None, help="Epochs of fine-tuning; 0: frozen features.")
@click.option("--rows", "rows_per_epoch", type=click.IntRange(2), default=None, help="Faces shown in an epoch.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=None, help="Peak learning rate.")
@click.option("--batch", type=click.IntRange(2), default=None, help="Faces in a step; even.")
@click.option(
    "--unfreeze", type=Unfreeze(), default=None, metavar="N|all", help="Stages from the end that are fine-tuned."
)
@click.option("--mixup", type=click.FloatRange(0), default=None, help="Alpha of MixUp; 0: none.")
@click.option("--smoothing", type=click.FloatRange(0, 1, max_open=True), default=None, help="Label smoothing.")
@click.option("--class-weights", type=ClassWeights(), default=None, metavar="on|off|REAL,FAKE",
              help="Show both classes equally, as found, or equally with these weights of the loss.")  # fmt: skip
@click.option("--validation", "validation_share", type=click.FloatRange(0, 1, max_open=True), default=None,
              help="Share of the groups set aside to choose the best epoch by.")  # fmt: skip
@click.option("--patience", type=click.IntRange(0), default=None, help="Epochs without a better one before a fit ends.")
@click.option("--precision", type=click.Choice(PRECISIONS), default=None,
              help="Of the computation; auto is mixed on a GPU alone.")  # fmt: skip
@click.option("--frames", type=click.IntRange(1), default=16, show_default=True, help="Frames looked at in a video.")
@click.option("--views", type=click.IntRange(1), default=None,
              help="Degraded views of each face that the head starts from.")  # fmt: skip
@click.option("--blended", "blended_share", type=click.FloatRange(0, 1), default=None,
              help="Share of the fakes shown that are real faces blended with themselves.")  # fmt: skip
@click.option("--from-reviews", is_flag=True,
              help="Learn from reviewed videos, too; --data is the old set beside them.")  # fmt: skip
@click.option("--replay", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=None,
              help="Share of the old set in what is shown beside reviewed videos.")  # fmt: skip
@click.option("--activate", is_flag=True, help="Register the bundle and activate it, if the gate allows it.")
@gate_options
@click.option("--crossed", "crossed_share", type=click.FloatRange(0, 1), default=None,
              help="Share of these that are blended with another real face instead.")  # fmt: skip
@click.option("--without", multiple=True, metavar="STEP",
              help="Leave a step of the degradation out, such as h264 or noise; for ablations.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed repeats a run.")
@click.option("--resume/--fresh", default=True, help="Go on with an interrupted run of the same kind, or start over.")
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), default=None,
              help="Where faces, features and interrupted runs are kept [default: the user's cache].")  # fmt: skip
def command(  # noqa: PLR0913 - one argument per option
    *,
    roots: tuple[Path, ...],
    weights: Path | None,
    weights_style: str | None,
    output: Path,
    backbone: str,
    residual: bool,
    contrast: bool,
    size_px: int,
    name: str | None,
    version: str,
    exclude: tuple[str, ...],
    measure_only: tuple[str, ...],
    matched: tuple[tuple[str, str], ...],
    folds: int,
    leave_one_out: bool,
    final: bool,
    frames: int,
    views: int | None,
    seed: int,
    resume: bool,
    cache: Path | None,
    from_reviews: bool,
    activate: bool,
    force: bool,
    reason: str | None,
    margins: tuple[tuple[str, float], ...],
    **recipe_options: Any,
) -> None:
    """Train a classifier from labelled faces.

    Faces are cut out of the pictures and videos below real/ and fake/ (any depth: the folders name the
    sources) by the detector that scans use. Whole sources are held out in turn; the card of the bundle
    gives the figures. Broken files are listed and skipped. A run that was killed goes on where it stood when
    the command is repeated.

    With --from-reviews, videos that people labelled with `fakesweep review` are learnt from beside the old set: most
    often those that the machine had wrong. What the frozen evaluation set holds is never learnt from.

    \b
      fakesweep train --data faces/ --weights mobilenet_v2.weights.h5 --output my-classifier
      fakesweep train --from-reviews --data faces/ --output my-next-classifier --version 2 --activate
      FAKESWEEP_CLASSIFIER=my-classifier fakesweep scan clip.mp4
    """
    if activate and not final:
        raise click.UsageError("--activate needs a bundle, and --no-final makes none: leave one of them out")
    if not activate and (force or reason or margins):
        raise click.UsageError("--force, --reason and --margin are about activating: add --activate")
    from cli.gating import Wish
    from cli.train_from_reviews import activate_trained, frozen_set, reviewed_items
    from training.errors import TrainingError
    from training.options import TrainOptions
    from training.recipe import Recipe
    from training.train import train_classifier
    from training.views import ViewPlan
    from worker.pipeline.detector_file import find_detector

    asked = {option: value for option, value in recipe_options.items() if value not in (None, ())}
    plan = replace(ViewPlan(), seed=seed)
    try:
        options = TrainOptions(
            roots=roots,
            output=output,
            cache=cache or default_cache(),
            detector=find_detector(),
            weights=weights,
            weights_style=weights_style,
            backbone=backbone,
            residual=residual,
            contrast=contrast,
            size_px=size_px,
            name=name or f"fakesweep-{backbone}",
            version=version,
            folds=folds,
            leave_one_out=leave_one_out,
            frames=frames,
            measured_only=measure_only,
            excluded=exclude,
            matched=matched,
            views=plan if views is None else replace(plan, degraded=views),
            recipe=replace(Recipe(), seed=seed, **asked),
            items=reviewed_items() if from_reviews else (),
            frozen=frozen_set(must_know=from_reviews or activate),
            is_fresh=not resume,
            makes_bundle=final,
            on_step=_step_line() if sys.stderr.isatty() else None,
        )
        train_classifier(options, say=lambda line: click.echo(safe_text(line)))
        if activate:
            activate_trained(output, Wish(force, reason, as_mapping(margins)))
    except TrainingError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("Nothing is lost: the same command goes on where this one stopped.", err=True)
        raise


def default_cache() -> Path:
    """Where faces and features are kept when nothing else is said."""
    from platformdirs import user_cache_path

    return user_cache_path("fakesweep") / "training"


def _step_line() -> Callable[[int, int], None]:
    """Writes the steps of an epoch over each other, and wipes the line when the epoch ends."""

    def tell(done: int, of: int) -> None:
        text = f"step {done} of {of}" if done < of else ""
        sys.stderr.write(f"\r{text:24}\r")
        sys.stderr.flush()

    return tell
