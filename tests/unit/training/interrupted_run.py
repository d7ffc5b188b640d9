"""Trains on drawn faces in a process of its own, step by step in words, so that a test can kill it where it likes."""

import sys
from pathlib import Path

import training.material
from tests.unit.training.faces import DrawnFaceDetector
from training.options import TrainOptions
from training.recipe import Recipe
from training.train import train_classifier
from training.views import ViewPlan

RECIPE = Recipe(
    head_steps=40, epochs=3, rows_per_epoch=128, batch=32, rate=5e-3, dropout=0.2, mixup=0.2, validation_share=0.3
)


def main(directory: Path) -> None:
    """Trains from `directory`/faces, keeps everything below `directory`/cache."""
    training.material.FaceDetector = DrawnFaceDetector  # type: ignore[assignment,misc]  # finds what was drawn
    options = TrainOptions(
        roots=(directory / "faces",),
        output=directory / "bundle",
        cache=directory / "cache",
        detector=directory,
        backbone="tiny",
        folds=2,
        size_px=64,
        views=ViewPlan(degraded=1),
        recipe=RECIPE,
        makes_bundle=False,
        on_step=lambda done, of: print(f"step {done} of {of}", flush=True),  # noqa: T201 - the test reads it
    )
    train_classifier(options, say=lambda line: print(line, flush=True))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
