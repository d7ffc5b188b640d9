"""Judges a frozen set with a bundle, on the processor, as a scan would."""

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from training.crops import FaceCutter
from training.dataset import discover_items
from training.frozen_set import FrozenSet
from training.gate import FileScore
from training.judging import MAIN_AGGREGATION, judge_files, main_scores, score_files
from training.measuring import Scored
from worker.pipeline.classifier import load_classifier
from worker.pipeline.detector_file import DETECTOR_SHA256
from worker.pipeline.faces import FaceDetector
from worker.pipeline.preprocessing import PREPROCESSING_VERSION

FRAMES = 16
"""Frames looked at in a video: what a scan looks at unless told otherwise."""


def protocol() -> str:
    """What decides a score beside the network and the file; scores of another protocol are not comparable."""
    parts = (version("fakesweep"), PREPROCESSING_VERSION, DETECTOR_SHA256, FRAMES, MAIN_AGGREGATION)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def face_cutter(cache: Path, *, detector: Path, threads: int, size_px: int) -> FaceCutter:
    """Cuts the faces that are judged, or has them in the cache."""
    return FaceCutter(FaceDetector(detector, threads=threads), cache, frames=FRAMES, size_px=size_px)


def examine(
    frozen: FrozenSet,
    bundle: Path,
    *,
    cache: Path,
    detector: Path,
    threads: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[FileScore]:
    """The score of every file of the set in which a face was found.

    Args:
        frozen: verified.
        bundle: of the classifier.
        cache: where cut faces are kept.
        detector: the face detector's file.
        threads: of the networks.
        on_progress: is told how many files are done, of how many.

    Raises:
        BundleError: the classifier cannot be loaded.
    """
    # Never on a GPU: what it scores differs a little, and a gate must not depend on the machine.
    classifier = load_classifier(bundle, device="cpu", threads=threads)
    manifest = classifier.manifest
    cutter = face_cutter(cache, detector=detector, threads=threads, size_px=manifest.input_size_px)
    files, _ = judge_files(discover_items(frozen.directory), cutter, classifier, on_progress=on_progress)
    found = main_scores(score_files(files, manifest.calibration)) if files else {}
    limits = {"image": "image", "video": MAIN_AGGREGATION}
    return [
        one
        for kind, name in limits.items()
        if kind in found
        for one in _file_scores(kind, found[kind], fake_from=float(manifest.thresholds[name]["fake_from"]))
    ]


def _file_scores(kind: str, scored: Scored, *, fake_from: float) -> list[FileScore]:
    return [
        FileScore(
            file=item.path.name,
            kind=kind,
            is_fake=item.is_fake,
            group=int(group),
            score=float(score),
            is_called_fake=bool(score >= fake_from),
        )
        for item, score, group in zip(scored.items, scored.scores, scored.clusters, strict=True)
    ]
