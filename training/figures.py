"""Makes calibrations, thresholds and honest figures out of held-out logits.

Every probability behind a figure comes from a calibration that was fitted on other folds than its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bank import Bank
from training.calibrate import FAKE_FROM_FPR, REAL_BELOW_FPR, choose_thresholds, fit_calibration, log_odds
from training.crossvalidate import HeldOut
from training.dataset import Item
from training.held_out import Judged, Rows, frame_scores, picture_scores, pictures_of, video_scores, videos_of
from training.measuring import Scored, cluster_items, figures_of
from training.scoring import calibrate_all
from worker.pipeline.calibration import Calibration
from worker.pipeline.results import AGGREGATIONS


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


def fit_all(judged: Judged, *, fake_from_fpr: float = FAKE_FROM_FPR, real_below_fpr: float = REAL_BELOW_FPR) -> Fitted:
    """The calibrations and thresholds that a bundle carries, fitted on every held-out score.

    Where there are no real videos, thresholds of pictures stand in for theirs (a picture is a video of a single frame),
    and the other way round.

    Args:
        judged: held-out logits.
        fake_from_fpr: as of `choose_thresholds`.
        real_below_fpr: as of `choose_thresholds`.

    Raises:
        TrainingError: nothing real was judged, or the rates are impossible.
    """

    def choose(scores: NDArray[np.float64]) -> dict[str, Any]:
        return choose_thresholds(scores, fake_from_fpr=fake_from_fpr, real_below_fpr=real_below_fpr).to_json()

    everything = np.ones(len(judged.items), bool)
    calibrations = _fit_calibrations(judged, everything)
    pictures, videos = pictures_of(judged), videos_of(judged)
    fake = np.array([item.is_fake for item in judged.items])
    real_pictures = picture_scores(judged, calibrations, everything)[~fake[pictures]]
    raw = video_scores(judged, calibrations["face"], videos[~fake[videos]])
    if not len(raw["mean"]):
        return Fitted(calibrations, {name: choose(real_pictures) for name in ("image", *AGGREGATIONS)})
    thresholds: dict[str, dict[str, Any]] = {
        method: choose(calibrate_all(calibrations[method], log_odds(raw[method]))) for method in AGGREGATIONS
    }
    thresholds["image"] = choose(real_pictures) if len(real_pictures) else dict(thresholds["mean"])
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
    pictures, videos = pictures_of(judged), videos_of(judged)
    for fold in sorted(set(judged.folds.tolist()) - {-1}):
        here = judged.folds == fold
        fitted = _fit_calibrations(judged, ~here & (judged.folds >= 0))
        chosen = pictures[here[pictures]]
        image[chosen] = picture_scores(judged, fitted, here)
        faces = here[judged.places]
        frame[faces] = calibrate_all(fitted["face"], judged.logits[faces])
        chosen = videos[here[videos]]
        raw = video_scores(judged, fitted["face"], chosen)
        for method in AGGREGATIONS:
            video[method][chosen] = calibrate_all(fitted[method], log_odds(raw[method]))
    measured = np.isin(judged.folds, list(only)) if only is not None else judged.folds >= 0
    pictures, videos = pictures[measured[pictures]], videos[measured[videos]]
    result: dict[str, Any] = {}
    if len(pictures):
        result["image"] = figures_of(_scored(judged, pictures, image[pictures]))
    if len(videos):
        places, scores = frame_scores(judged, videos, frame)
        result["frame"] = figures_of(_scored(judged, places, scores))
        result["video"] = {
            method: figures_of(_scored(judged, videos, video[method][videos])) for method in AGGREGATIONS
        }
    return result


def _fit_calibrations(judged: Judged, chosen: NDArray[np.bool_]) -> dict[str, Calibration]:
    fake = np.array([item.is_fake for item in judged.items], np.float64)
    faces = chosen[judged.places]
    found = {"face": fit_calibration(fake[judged.places[faces]], judged.logits[faces])}
    pictures = np.isin(judged.places, pictures_of(judged)) & faces
    found["image"] = _fit_or(found["face"], fake[judged.places[pictures]], judged.logits[pictures])
    videos = videos_of(judged)
    videos = videos[chosen[videos]]
    raw = video_scores(judged, found["face"], videos)
    for method in AGGREGATIONS:
        found[method] = _fit_or(Calibration(slope=1.0, intercept=0.0), fake[videos], log_odds(raw[method]))
    return found


def _fit_or(fallback: Calibration, targets: NDArray[np.float64], logits: NDArray[np.float64]) -> Calibration:
    return fit_calibration(targets, logits) if len(np.unique(targets)) == 2 else fallback


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
