"""Held-out logits of faces, and the scores of pictures, frames and videos that they make."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.dataset import Item
from training.scoring import JudgedFace, calibrate_all, raw_video_scores
from worker.pipeline.calibration import Calibration
from worker.pipeline.results import AGGREGATIONS

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Judged:
    """Held-out logits of the clean views, face by face.

    Args:
        items: the pictures and videos, as numbered by `places`.
        groups: the group of each item: what was held out together.
        places: the item of each face.
        frames: the frame of each face.
        logits: one per face.
        folds: the fold of each item.
        bands: by name of a property, the band of each item (`training.quality.bands_of`).
    """

    items: Sequence[Item]
    groups: NDArray[np.int64]
    places: Rows
    frames: Rows
    logits: NDArray[np.float64]
    folds: Rows
    bands: Mapping[str, Sequence[str]] = field(default_factory=dict)


def pictures_of(judged: Judged) -> Rows:
    """The items that are pictures and were judged."""
    seen = set(judged.places.tolist())
    return np.array([n for n, item in enumerate(judged.items) if item.kind == "image" and n in seen], np.int64)


def videos_of(judged: Judged) -> Rows:
    """The items that are videos and were judged."""
    seen = set(judged.places.tolist())
    return np.array([n for n, item in enumerate(judged.items) if item.kind == "video" and n in seen], np.int64)


def picture_scores(
    judged: Judged, calibrations: dict[str, Calibration], chosen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The highest face of each chosen picture, in the order of the items."""
    highest: dict[int, float] = defaultdict(lambda: -np.inf)
    for place, logit in zip(judged.places.tolist(), judged.logits.tolist(), strict=True):
        highest[place] = max(highest[place], logit)
    wanted = [place for place in pictures_of(judged).tolist() if chosen[place]]
    return calibrate_all(calibrations["image"], np.array([highest[place] for place in wanted], np.float64))


def frame_scores(judged: Judged, videos: Rows, faces: NDArray[np.float64]) -> tuple[Rows, NDArray[np.float64]]:
    """The item and the score of each frame of the videos: its highest face."""
    wanted = set(videos.tolist())
    highest: dict[tuple[int, int], float] = {}
    for place, number, score in zip(judged.places.tolist(), judged.frames.tolist(), faces.tolist(), strict=True):
        if place in wanted:
            highest[place, number] = max(score, highest.get((place, number), 0.0))
    return np.array([place for place, _ in highest], np.int64), np.array(list(highest.values()), np.float64)


def video_scores(judged: Judged, face: Calibration, videos: Rows) -> dict[str, NDArray[np.float64]]:
    """The scores of the videos under each aggregation, before the aggregation's own calibration."""
    faces: dict[int, list[JudgedFace]] = defaultdict(list)
    wanted = set(videos.tolist())
    for place, frame, logit in zip(judged.places.tolist(), judged.frames.tolist(), judged.logits.tolist(), strict=True):
        if place in wanted:
            faces[place].append(JudgedFace(frame, 0, logit))
    scores = [raw_video_scores(faces[place], calibration=face) for place in videos.tolist()]
    return {method: np.array([score[method] for score in scores], np.float64) for method in AGGREGATIONS}
