"""`fakesweep train`: from labelled faces to a classifier bundle."""

from pathlib import Path

import click

_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--data", "roots", type=_DIRECTORY, multiple=True, required=True,
              help="Directory with real/ and fake/, or with a manifest.csv; may be given more than once.")  # fmt: skip
@click.option("--weights", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="ImageNet weights (torchvision's MobileNetV2, Keras' layout); none: from nothing.")  # fmt: skip
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=Path("classifier"),
              show_default=True, help="Where the bundle goes; replaces an older one.")  # fmt: skip
@click.option("--backbone", type=click.Choice(["mobilenetv2", "tiny"]), default="mobilenetv2", show_default=True)
@click.option("--name", default="fakesweep-mobilenetv2", show_default=True, help="Name of the classifier.")
@click.option("--version", default="1", show_default=True, help="Version of the classifier.")
@click.option("--exclude", multiple=True, metavar="SOURCE", help="Leave a source out altogether.")
@click.option("--measure-only", multiple=True, metavar="SOURCE", help="Judge a source, but never learn from it.")
@click.option("--matched", nargs=2, multiple=True, metavar="SOURCE SOURCE",
              help="Two sources to be held out together, such as the real and the fake half of one set.")  # fmt: skip
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True,
              help="Folds of the cross-validation by source (where the data names no splits).")  # fmt: skip
@click.option("--epochs", type=click.IntRange(0), default=None, help="Epochs of fine-tuning; 0: frozen features.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=None, help="Peak learning rate.")
@click.option("--frames", type=click.IntRange(1), default=16, show_default=True, help="Frames looked at in a video.")
@click.option("--views", type=click.IntRange(1), default=None, help="Degraded views of each face.")
@click.option("--blended", type=click.IntRange(0), default=None, help="Self-blended pseudo-fakes of each real face.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed repeats a run.")
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), default=None,
              help="Where cut faces and features are kept [default: the user's cache directory].")  # fmt: skip
def command(  # noqa: PLR0913 - one argument per option
    *,
    roots: tuple[Path, ...],
    weights: Path | None,
    output: Path,
    backbone: str,
    name: str,
    version: str,
    exclude: tuple[str, ...],
    measure_only: tuple[str, ...],
    matched: tuple[tuple[str, str], ...],
    folds: int,
    epochs: int | None,
    rate: float | None,
    frames: int,
    views: int | None,
    blended: int | None,
    seed: int,
    cache: Path | None,
) -> None:
    """Train a classifier from labelled faces.

    Faces are cut out of the pictures and videos below real/ and fake/ (any depth: the folders name the
    sources) by the detector that scans use. Whole sources are held out in turn; the card of the bundle
    gives the figures. Broken files are listed and skipped.

    \b
      fakesweep train --data faces/ --weights mobilenet_v2.weights.h5 --output my-classifier
      FAKESWEEP_CLASSIFIER=my-classifier fakesweep scan clip.mp4
    """
    from dataclasses import replace

    from training.errors import TrainingError
    from training.fitting import Recipe
    from training.options import TrainOptions
    from training.train import train_classifier
    from training.views import ViewPlan
    from worker.pipeline.detector_file import find_detector

    recipe = replace(Recipe(), seed=seed)
    recipe = recipe if epochs is None else replace(recipe, epochs=epochs)
    recipe = recipe if rate is None else replace(recipe, rate=rate)
    plan = replace(ViewPlan(), seed=seed)
    plan = plan if views is None else replace(plan, degraded=views)
    plan = plan if blended is None else replace(plan, blended=blended)
    options = TrainOptions(
        roots=roots,
        output=output,
        cache=cache or default_cache(),
        detector=find_detector(),
        weights=weights,
        backbone=backbone,
        name=name,
        version=version,
        folds=folds,
        frames=frames,
        measured_only=measure_only,
        excluded=exclude,
        matched=matched,
        views=plan,
        recipe=recipe,
    )
    try:
        train_classifier(options, say=click.echo)
    except TrainingError as error:
        raise click.ClickException(str(error)) from error


def default_cache() -> Path:
    """Where faces and features are kept when nothing else is said."""
    from platformdirs import user_cache_path

    return user_cache_path("fakesweep") / "training"
