"""What a training run is told, and how it tells of itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from training.dataset import Item
from training.frozen_set import FrozenSet
from training.recipe import Recipe
from training.views import ViewPlan

Say = Callable[[str], None]


@dataclass(frozen=True)
class TrainOptions:
    """One training run.

    Args:
        roots: directories of labelled pictures and videos, or manifests.
        output: where the bundle goes.
        cache: where cut faces and features are kept between runs.
        detector: the face detector's file.
        weights: ImageNet weights of the backbone; None starts from nothing.
        weights_style: whose values an unknown weights file holds.
        backbone: its name.
        residual: whether the branch of noise residuals stands beside it.
        contrast: whether each feature of the face is compared with that of its surroundings.
        name: of the classifier.
        version: of the classifier.
        folds: of the cross-validation by source.
        leave_one_out: whether each source is a fold of its own instead.
        frames: sampled from each video.
        measured_only: sources that are judged and never learnt from.
        excluded: sources left out altogether.
        matched: pairs of sources that are held out together.
        views: how many views of each face are judged.
        recipe: how the network is fitted.
        items: material besides what lies below the roots.
        frozen: the evaluation set that nothing may be learnt from.
        is_fresh: whether to forget what an interrupted run of the same kind left.
        makes_bundle: whether to fit the network that is kept; without it the run ends with its figures.
        on_step: is told the steps done and the steps in all of each epoch.
    """

    roots: tuple[Path, ...]
    output: Path
    cache: Path
    detector: Path
    weights: Path | None = None
    weights_style: str | None = None
    backbone: str = "mobilenetv2"
    residual: bool = False
    contrast: bool = False
    name: str = "fakesweep-mobilenetv2"
    version: str = "1"
    folds: int = 5
    leave_one_out: bool = False
    frames: int = 16
    size_px: int = 224
    measured_only: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    matched: tuple[tuple[str, str], ...] = ()
    views: ViewPlan = field(default_factory=ViewPlan)
    recipe: Recipe = field(default_factory=Recipe)
    items: tuple[Item, ...] = ()
    frozen: FrozenSet | None = None
    is_fresh: bool = False
    makes_bundle: bool = True
    on_step: Callable[[int, int], None] | None = None
