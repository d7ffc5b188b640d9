"""Makes calibrations, thresholds and honest figures out of held-out logits.

Every probability behind a figure comes from a calibration that was fitted on other folds than its own.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bank import Bank
from training.calibrate import choose_thresholds, fit_calibration, log_odds
from training.crossvalidate import HeldOut
from training.dataset import Item
from training.measuring import Scored, cluster_items, figures_of
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


@dataclass(frozen=True)
class Fitted:
    """Calibrations of "face", "image" and every aggregation, and thresholds of all but "face"."""

    calibrations: dict[str, Calibration]
    thresholds: dict[str, dict[str, Any]]


def judged_of(
    bank: Bank,
    held_out: HeldOut,
    items: Sequence[Item],
    groups: Sequence[int],
    *,
    kind: str = "clean",
    bands: Mapping[str, Sequence[str]] | None = None,
) -> Judged:
    """The held-out logits of one kind of view; of degraded ones the first of each face."""
    views = [bank.views[row] for row in held_out.rows]
    chosen = np.array([view.kind == kind and view.number == 0 for view in views])
    folds = np.full(len(items), -1)
    folds[[view.item for view in views]] = held_out.folds
    picked = [view for view, is_chosen in zip(views, chosen, strict=True) if is_chosen]
    return Judged(
        items=items,
        groups=np.asarray(groups, np.int64),
        places=np.array([view.item for view in picked], np.int64),
        # A bank holds one face of each frame, so the face's number tells the frames apart.
        frames=np.array([view.face for view in picked], np.int64),
        logits=held_out.logits[chosen],
        folds=folds.astype(np.int64),
        bands=bands or {},
    )


def fit_all(judged: Judged) -> Fitted:
    """The calibrations and thresholds that a bundle carries, fitted on every held-out score."""
    calibrations = _fit_calibrations(judged, np.ones(len(judged.items), bool))
    everything = np.ones(len(judged.items), bool)
    pictures, videos = _pictures(judged), _videos(judged)
    fake = np.array([item.is_fake for item in judged.items])
    thresholds = {}
    if len(pictures):
        scores = _picture_scores(judged, calibrations, everything)
        thresholds["image"] = choose_thresholds(scores[~fake[pictures]]).to_json()
    raw = _raw_scores(judged, calibrations["face"], videos)
    for method in AGGREGATIONS:
        if len(videos) and (~fake[videos]).any():
            scores = calibrate_all(calibrations[method], log_odds(raw[method]))
            thresholds[method] = choose_thresholds(scores[~fake[videos]]).to_json()
        else:
            # Without a real video, a picture is the nearest thing to one: a video of a single frame.
            thresholds[method] = dict(thresholds["image"])
    thresholds.setdefault("image", dict(thresholds["mean"]))
    return Fitted(calibrations, thresholds)


def measure_all(judged: Judged, *, only: Sequence[int] | None = None) -> dict[str, Any]:
    """The figures of pictures, frames and videos, each fold scored with the calibration of the other folds.

    Args:
        judged: held-out logits.
        only: the folds to measure; all when None.

    Returns:
        "image", "frame" and "video" (by aggregation), each where there is such material.
    """
    image = np.full(len(judged.items), np.nan)
    frame = np.full(len(judged.places), np.nan)
    video = {method: np.full(len(judged.items), np.nan) for method in AGGREGATIONS}
    pictures, videos = _pictures(judged), _videos(judged)
    for fold in sorted(set(judged.folds.tolist()) - {-1}):
        here = judged.folds == fold
        fitted = _fit_calibrations(judged, ~here & (judged.folds >= 0))
        chosen = pictures[here[pictures]]
        image[chosen] = _picture_scores(judged, fitted, here)
        faces = here[judged.places]
        frame[faces] = calibrate_all(fitted["face"], judged.logits[faces])
        chosen = videos[here[videos]]
        raw = _raw_scores(judged, fitted["face"], chosen)
        for method in AGGREGATIONS:
            video[method][chosen] = calibrate_all(fitted[method], log_odds(raw[method]))
    measured = np.isin(judged.folds, list(only)) if only is not None else judged.folds >= 0
    pictures, videos = pictures[measured[pictures]], videos[measured[videos]]
    result: dict[str, Any] = {}
    if len(pictures):
        result["image"] = figures_of(_scored(judged, pictures, image[pictures]))
    if len(videos):
        places, scores = _frame_scores(judged, videos, frame)
        result["frame"] = figures_of(_scored(judged, places, scores))
        result["video"] = {
            method: figures_of(_scored(judged, videos, video[method][videos])) for method in AGGREGATIONS
        }
    return result


def _fit_calibrations(judged: Judged, chosen: NDArray[np.bool_]) -> dict[str, Calibration]:
    fake = np.array([item.is_fake for item in judged.items], np.float64)
    faces = chosen[judged.places]
    found = {"face": fit_calibration(fake[judged.places[faces]], judged.logits[faces])}
    pictures = np.isin(judged.places, _pictures(judged)) & faces
    found["image"] = _fit_or(found["face"], fake[judged.places[pictures]], judged.logits[pictures])
    videos = _videos(judged)
    videos = videos[chosen[videos]]
    raw = _raw_scores(judged, found["face"], videos)
    for method in AGGREGATIONS:
        found[method] = _fit_or(Calibration(slope=1.0, intercept=0.0), fake[videos], log_odds(raw[method]))
    return found


def _fit_or(fallback: Calibration, targets: NDArray[np.float64], logits: NDArray[np.float64]) -> Calibration:
    return fit_calibration(targets, logits) if len(np.unique(targets)) == 2 else fallback


def _pictures(judged: Judged) -> Rows:
    """The items that are pictures and were judged."""
    seen = set(judged.places.tolist())
    return np.array([n for n, item in enumerate(judged.items) if item.kind == "image" and n in seen], np.int64)


def _videos(judged: Judged) -> Rows:
    seen = set(judged.places.tolist())
    return np.array([n for n, item in enumerate(judged.items) if item.kind == "video" and n in seen], np.int64)


def _picture_scores(
    judged: Judged, calibrations: dict[str, Calibration], chosen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The highest face of each chosen picture, in the order of the items."""
    highest: dict[int, float] = defaultdict(lambda: -np.inf)
    for place, logit in zip(judged.places.tolist(), judged.logits.tolist(), strict=True):
        highest[place] = max(highest[place], logit)
    wanted = [place for place in _pictures(judged).tolist() if chosen[place]]
    return calibrate_all(calibrations["image"], np.array([highest[place] for place in wanted], np.float64))


def _raw_scores(judged: Judged, face: Calibration, videos: Rows) -> dict[str, NDArray[np.float64]]:
    faces: dict[int, list[JudgedFace]] = defaultdict(list)
    wanted = set(videos.tolist())
    for place, frame, logit in zip(judged.places.tolist(), judged.frames.tolist(), judged.logits.tolist(), strict=True):
        if place in wanted:
            faces[place].append(JudgedFace(frame, 0, logit))
    scores = [raw_video_scores(faces[place], calibration=face) for place in videos.tolist()]
    return {method: np.array([score[method] for score in scores], np.float64) for method in AGGREGATIONS}


def _frame_scores(judged: Judged, videos: Rows, faces: NDArray[np.float64]) -> tuple[Rows, NDArray[np.float64]]:
    """The item and the score of each frame of the videos: its highest face."""
    wanted = set(videos.tolist())
    highest: dict[tuple[int, int], float] = {}
    for place, number, score in zip(judged.places.tolist(), judged.frames.tolist(), faces.tolist(), strict=True):
        if place in wanted:
            highest[place, number] = max(score, highest.get((place, number), 0.0))
    return np.array([place for place, _ in highest], np.int64), np.array(list(highest.values()), np.float64)


def _scored(judged: Judged, places: Rows, scores: NDArray[np.float64]) -> Scored:
    """Examples by their item: an item comes once, or once for each of its frames."""
    return Scored(
        items=[judged.items[place] for place in places.tolist()],
        scores=scores,
        clusters=cluster_items(judged.items)[places],
        groups=judged.groups[places],
        folds=judged.folds[places],
        bands={name: [found[place] for place in places.tolist()] for name, found in judged.bands.items()},
    )
