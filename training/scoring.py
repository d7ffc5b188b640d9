"""Makes scores of pictures and videos out of logits of faces, with the worker's own aggregation."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.aggregation import aggregate
from worker.pipeline.calibration import Calibration
from worker.pipeline.results import AGGREGATIONS, Aggregation


@dataclass(frozen=True)
class JudgedFace:
    """A face of a video: the number of its frame, the number of its person's track, its logit."""

    frame: int
    track: int
    logit: float


def raw_video_scores(faces: Iterable[JudgedFace], *, calibration: Calibration) -> dict[Aggregation, float]:
    """The video's score under each aggregation before the aggregation's own calibration.

    Args:
        faces: at least one.
        calibration: of a single face.
    """
    frames: dict[int, list[float]] = defaultdict(list)
    tracks: dict[int, list[float]] = defaultdict(list)
    for face in faces:
        score = calibration.apply(face.logit)
        frames[face.frame].append(score)
        tracks[face.track].append(score)
    by_frame = [max(scores) for _, scores in sorted(frames.items())]
    by_track = [scores for _, scores in sorted(tracks.items())]
    return {method: float(aggregate(by_frame, by_track, method)) for method in AGGREGATIONS}


def calibrate_all(calibration: Calibration, logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probabilities that a calibration gives logits."""
    return np.asarray(1 / (1 + np.exp(-np.clip(calibration.slope * logits + calibration.intercept, -60, 60))))
