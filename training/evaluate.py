"""Measures a bundle on labelled pictures and videos through the worker's own classifier, tracks and aggregation."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.crops import FaceCutter, FaceSet, cut_all
from training.dataset import Item, discover_items
from training.grouping import group_items
from training.measuring import Scored, cluster_items, figures_of
from training.metrics import rounded
from training.options import Say
from training.scoring import JudgedFace, raw_video_scores
from worker.pipeline.classifier import Classifier, load_classifier
from worker.pipeline.faces import FaceDetector
from worker.pipeline.results import AGGREGATIONS

Crops = NDArray[np.uint8]


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
    """

    roots: tuple[Path, ...]
    bundle: Path
    cache: Path
    detector: Path
    frames: int = 16
    excluded: tuple[str, ...] = ()
    robustness: bool = False


def evaluate_bundle(options: EvaluateOptions, *, say: Say) -> dict[str, Any]:
    """The figures as JSON: the classifier, coverage, pictures, videos by aggregation, robustness.

    Raises:
        TrainingError: there is nothing labelled to judge.
        BundleError: the classifier cannot be loaded.
    """
    classifier = load_classifier(options.bundle, threads=2)
    size_px = classifier.manifest.input_size_px
    items = [item for root in options.roots for item in discover_items(root, exclude_sources=options.excluded)]
    cutter = FaceCutter(
        FaceDetector(options.detector, threads=2), options.cache / "faces", frames=options.frames, size_px=size_px
    )
    pairs, skipped = cut_all(items, cutter)
    for skip in skipped:
        say(f"skipped {skip.path}: {skip.why}")
    say(f"{len(pairs)} of {len(items)} files have faces")
    result: dict[str, Any] = {
        "classifier": {"name": classifier.manifest.name, "version": classifier.manifest.version},
        "coverage": len(pairs) / len(items),
        "skipped": [{"path": str(skip.path), "why": skip.why} for skip in skipped],
        **_measure_pairs(classifier, pairs, None),
    }
    if options.robustness:
        result["robustness"] = {}
        for name, change in ROBUSTNESS.items():
            result["robustness"][name] = _measure_pairs(classifier, pairs, change)
            say(f"measured: {name}")
    return dict(rounded(result))


def _measure_pairs(
    classifier: Classifier, pairs: Sequence[tuple[Item, FaceSet]], change: Callable[[Crops], Crops] | None
) -> dict[str, Any]:
    pictures: list[tuple[Item, float]] = []
    videos: dict[str, list[tuple[Item, float]]] = defaultdict(list)
    for item, faces in pairs:
        crops = faces.crops if change is None else np.stack([change(crop) for crop in faces.crops])
        logits = np.asarray(classifier.judge(crops).logits, np.float64).ravel()
        if item.kind == "image":
            pictures.append((item, classifier.manifest.calibration["image"].apply(float(logits.max()))))
        else:
            for method, score in _video_scores(classifier, faces, logits).items():
                videos[method].append((item, score))
    result: dict[str, Any] = {}
    if pictures:
        result["image"] = _figures(pictures)
    if videos:
        result["video"] = {method: _figures(scores) for method, scores in videos.items()}
    return result


def _video_scores(classifier: Classifier, faces: FaceSet, logits: NDArray[np.float64]) -> dict[str, float]:
    calibrations = classifier.manifest.calibration
    judged = [
        JudgedFace(int(frame), int(track), float(logit))
        for frame, track, logit in zip(faces.frames, faces.tracks(), logits, strict=True)
    ]
    raw = raw_video_scores(judged, calibration=calibrations["face"])
    return {method: calibrations[method].apply_to_score(raw[method]) for method in AGGREGATIONS}


def _figures(scored: Sequence[tuple[Item, float]]) -> dict[str, Any]:
    items = [item for item, _ in scored]
    scores = np.array([score for _, score in scored], np.float64)
    return figures_of(Scored(items, scores, cluster_items(items), np.array(group_items(items), np.int64)))


def _jpeg(crop: Crops, quality: int) -> Crops:
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(crop[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1])


def _shrunk(crop: Crops, factor: float) -> Crops:
    side = crop.shape[0]
    small = cv2.resize(crop, (round(side * factor), round(side * factor)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def _noisy(crop: Crops) -> Crops:
    noise = np.random.default_rng(0).normal(0, 8, crop.shape)
    return np.clip(crop + noise, 0, 255).astype(np.uint8)


ROBUSTNESS: dict[str, Callable[[Crops], Crops]] = {
    "jpeg 60": lambda crop: _jpeg(crop, 60),
    "jpeg 30": lambda crop: _jpeg(crop, 30),
    "half size": lambda crop: _shrunk(crop, 0.5),
    "quarter size": lambda crop: _shrunk(crop, 0.25),
    "blur": lambda crop: np.asarray(cv2.GaussianBlur(crop, (0, 0), 1.5), np.uint8),
    "noise": _noisy,
}
"""What is done to every crop before it is judged, by name; fixed, so that two classifiers meet the same."""
