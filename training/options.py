"""What a training run is told, and how it tells of itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from training.fitting import Recipe
from training.views import ViewPlan

Say = Callable[[str], None]


@dataclass(frozen=True)
class TrainOptions:
    """One training run.

    Args:
        roots: directories of labelled pictures and videos.
        output: where the bundle goes.
        cache: where cut faces and features are kept between runs.
        detector: the face detector's file.
        weights: ImageNet weights of the backbone; None starts from nothing.
        backbone: its name.
        name: of the classifier.
        version: of the classifier.
        folds: of the cross-validation by source.
        frames: sampled from each video.
        measured_only: sources that are judged and never learnt from.
        excluded: sources left out altogether.
        matched: pairs of sources that are held out together.
        views: how many views of each face.
        recipe: how the network is fitted.
    """

    roots: tuple[Path, ...]
    output: Path
    cache: Path
    detector: Path
    weights: Path | None = None
    backbone: str = "mobilenetv2"
    name: str = "fakesweep-mobilenetv2"
    version: str = "1"
    folds: int = 5
    frames: int = 16
    size_px: int = 224
    measured_only: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    matched: tuple[tuple[str, str], ...] = ()
    views: ViewPlan = field(default_factory=ViewPlan)
    recipe: Recipe = field(default_factory=Recipe)
