"""Finds pictures and judges them in this process."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.opening import bundle_in_use, manifest_sha256
from db.findings import describe_path
from db.verdicts import Thresholds, thresholds_of, verdict_of
from worker.cores import usable_cores
from worker.pipeline.classifier import Classifier, load_classifier
from worker.pipeline.errors import TransientError
from worker.pipeline.faces import FaceDetector
from worker.pipeline.pictures import classify_picture
from worker.pipeline.results import FaceResult
from worker.resources import load_detector
from worker.settings import Settings

PICTURE_EXTENSIONS = frozenset(
    {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".jp2", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
"""What a directory is searched for; a picture of a kind that cannot be read is told as such."""

_FAILED: dict[str, Any] = {
    "state": "failed",
    "score": None,
    "verdict": None,
    "width_px": None,
    "height_px": None,
    "faces": [],
    "seconds": None,
}


@dataclass(frozen=True)
class PictureJudge:
    """Detector, classifier and thresholds, loaded once for any number of pictures.

    Args:
        head: what the JSON says before its `images`.
    """

    detector: FaceDetector
    classifier: Classifier
    thresholds: Thresholds
    head: dict[str, Any]

    def describe(self, path: bytes) -> dict[str, Any]:
        """One element of `images`."""
        try:
            result = classify_picture(path, self.detector, self.classifier)
        except TransientError as error:
            return {**describe_path(path), **_FAILED, "reason": error.reason.value, "detail": error.detail}
        return {
            **describe_path(path),
            "state": result.state,
            "reason": None if result.reason is None else result.reason.value,
            "detail": result.detail,
            "score": result.score,
            "verdict": None if result.score is None else verdict_of(result.score, self.thresholds),
            "width_px": result.width_px or None,
            "height_px": result.height_px or None,
            "faces": [_describe_face(face) for face in result.faces],
            "seconds": dict(result.seconds),
        }


def open_judge(settings: Settings) -> PictureJudge:
    """Loads what judging pictures needs.

    Raises:
        BundleError: the classifier or the detector is missing or altered.
    """
    bundle = bundle_in_use(settings)
    threads = usable_cores()
    classifier = load_classifier(bundle, device=settings.device, threads=threads, precision=settings.precision)
    manifest = classifier.manifest
    thresholds = thresholds_of(manifest.to_json(), "image")
    head = {
        "classifier": {
            "name": manifest.name,
            "version": manifest.version,
            "sha256": manifest_sha256(bundle),
            "runtime": classifier.runtime,
        },
        "thresholds": vars(thresholds),
    }
    return PictureJudge(load_detector(settings, threads=threads), classifier, thresholds, head)


def find_pictures(paths: Sequence[bytes]) -> list[bytes]:
    """The named files, and in place of a directory its pictures, in order of their names; each once."""
    found: dict[bytes, None] = {}
    for path in paths:
        found |= dict.fromkeys(_pictures_below(path) if os.path.isdir(path) else [path])  # noqa: PTH112 - bytes
    return list(found)


def _pictures_below(directory: bytes) -> Iterator[bytes]:
    for folder, folders, names in os.walk(directory):
        folders.sort()
        for name in sorted(names):
            if Path(os.fsdecode(name)).suffix.lower() in PICTURE_EXTENSIONS:
                yield os.path.join(folder, name)  # noqa: PTH118 - bytes


def _describe_face(face: FaceResult) -> dict[str, Any]:
    box = face.box
    return {"box_px": [box.x, box.y, box.w, box.h], "detection": face.detection, "score": face.score}
