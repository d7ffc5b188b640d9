"""`fakesweep classifiers quantise`: adds int8 and bfloat16 to a bundle that has float32 alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from worker.safe_text import safe_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

MOST_FACES = 600


@click.command()
@click.argument("bundle", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("pictures", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Directory of the new bundle.")
def command(bundle: Path, pictures: tuple[Path, ...], *, output: Path) -> None:
    """Add faster precisions to a classifier.

    Writes a new bundle: the old one's networks, one in int8, and in the manifest what int8 and bfloat16 do to the
    scores of faces in PICTURES (files or directories; some hundred, of the kinds that it learnt from). What stays
    within 0.01 of float32 is used where the processor has units for it; see FAKESWEEP_PRECISION. What `fakesweep
    train` writes has this already.

    \b
    Example:
      fakesweep classifiers quantise trained/2026-11-20 faces/ --output trained/2026-11-20-fast
    """
    from training.bundle import add_precisions
    from training.errors import TrainingError
    from worker.pipeline.bundle import read_manifest
    from worker.pipeline.errors import BundleError

    try:
        manifest = read_manifest(bundle)
        crops = _faces_of(pictures, size_px=manifest.input_size_px, margin=manifest.crop_margin)
        made = add_precisions(bundle, output, crops)
    except (BundleError, TrainingError) as error:
        raise click.ClickException(str(error)) from error
    for name, measured in made.precisions.items():
        verdict = "accepted" if measured.is_accepted else "not accepted"
        click.echo(
            f"{name}: {verdict}; scores of {measured.faces} faces differ by {measured.score_gap_mean:.4f} on average"
            f" and {measured.score_gap_max:.3f} at most, {measured.verdict_agreement:.1%} keep their verdict"
        )


def _faces_of(roots: Sequence[Path], *, size_px: int, margin: float) -> NDArray[np.uint8]:
    """The surest face of each picture, from pictures spread evenly over what was named."""
    import numpy as np

    from cli.bars import bar
    from worker.cores import usable_cores
    from worker.pipeline.detector_file import find_detector
    from worker.pipeline.errors import PipelineError
    from worker.pipeline.faces import FaceDetector, detect_in_picture
    from worker.pipeline.pictures import read_picture
    from worker.pipeline.preprocessing import crop_face

    detector = FaceDetector(find_detector(), threads=usable_cores())
    files = _files_in(roots)
    crops = []
    with bar("Finding faces") as on_progress:
        for number, path in enumerate(files, start=1):
            try:
                pixels = read_picture(path)
            except PipelineError as error:
                click.echo(safe_text(f"{path}: {error}"), err=True)
                continue
            found = detect_in_picture(detector, pixels)
            if found:
                crops.append(crop_face(pixels, found[0].box, size_px=size_px, margin=margin))
            on_progress(number, len(files))
    return np.stack(crops) if crops else np.empty((0, size_px, size_px, 3), np.uint8)


def _files_in(roots: Sequence[Path]) -> list[Path]:
    from cli.picture_judging import PICTURE_EXTENSIONS

    found = sorted(
        path
        for root in roots
        for path in ([root] if root.is_file() else root.rglob("*"))
        if path.is_file() and path.suffix.lower() in PICTURE_EXTENSIONS
    )
    # Neighbours in a directory are often alike.
    return found[:: max(1, len(found) // MOST_FACES)][:MOST_FACES]
