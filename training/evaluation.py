"""What an evaluation is told, and what it finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.dataset import Item
from training.faces_shown import ShownFace
from training.measuring import Scored
from worker.pipeline.manifest import Manifest

ROBUSTNESS_FILES = 1000


@dataclass(frozen=True)
class EvaluateOptions:
    """One evaluation.

    Args:
        roots: directories of labelled material.
        bundle: the classifier.
        cache: where cut faces are kept.
        detector: the face detector's file.
        frames: sampled from each video.
        excluded: sources left out.
        robustness: whether to measure on degraded crops too.
        robustness_files: of this many pictures, and videos, at most; alike from every source.
    """

    roots: tuple[Path, ...]
    bundle: Path
    cache: Path
    detector: Path
    frames: int = 16
    excluded: tuple[str, ...] = ()
    robustness: bool = False
    robustness_files: int = ROBUSTNESS_FILES


@dataclass(frozen=True)
class FeatureMap:
    """Last features on a plane.

    Args:
        points: (n, 2), within 0..1.
        items: the file of each point.
    """

    points: NDArray[np.float64]
    items: Sequence[Item]


@dataclass(frozen=True)
class Evaluation:
    """Everything that was found: the figures, and what the plots are drawn from.

    Args:
        figures: as JSON.
        manifest: of the classifier.
        scored: "image", "frame" and "video" (by the main aggregation), what there is of them.
        faces: to be shown, with heat maps.
        feature_map: None where the network's head cannot be taken off, or there are too few files.
    """

    figures: Mapping[str, Any]
    manifest: Manifest
    scored: Mapping[str, Scored]
    faces: Sequence[ShownFace] = ()
    feature_map: FeatureMap | None = None
