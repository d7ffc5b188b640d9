"""Judges what a camera or a stream shows, picture by picture, and draws boxes and scores into it."""

import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

import numpy as np

from worker.live_source import LatestFrame
from worker.pipeline.aggregation import aggregate
from worker.pipeline.box_drawing import Colour
from worker.pipeline.classifier import Classifier
from worker.pipeline.drawing import draw_labelled
from worker.pipeline.faces import FaceDetector
from worker.pipeline.kept_faces import encode_jpeg
from worker.pipeline.preprocessing import crop_face
from worker.pipeline.results import Frame

WINDOW = 16
"""Pictures whose mean is the verdict of the moment: as many as a scan looks at."""
COLOURS: Mapping[str, Colour] = {"fake": (245, 137, 74), "uncertain": (222, 202, 110), "real": (108, 184, 236)}


@dataclass(frozen=True)
class LiveFrame:
    """A judged picture.

    Args:
        jpeg: with boxes and scores drawn into it.
        t_s: since the source began.
        faces: how many.
        score: of the highest face; None where there is none.
        mean: calibrated score of the latest pictures with a face; None before the first.
        verdict: of `mean`.
        per_s: pictures judged in a second of late.
        dropped: pictures that were missed so far, so as not to lag behind.
    """

    jpeg: bytes
    t_s: float
    faces: int
    score: float | None
    mean: float | None
    verdict: str | None
    per_s: float
    dropped: int


def watch_live(
    source: LatestFrame, *, detector: FaceDetector, classifier: Classifier, real_below: float, fake_from: float
) -> Generator[LiveFrame, None, None]:
    """Judges the latest picture again and again until the source ends.

    Args:
        source: read at its own pace; pictures that come while one is judged are dropped.
        real_below: the threshold below which a score is called real.
        fake_from: the one from which it is called fake.
    """
    recent: deque[float] = deque(maxlen=WINDOW)
    moments: deque[float] = deque(maxlen=WINDOW)

    def word(score: float) -> str:
        return "fake" if score >= fake_from else "real" if score < real_below else "uncertain"

    while (frame := source.take()) is not None:
        scores = _judge(frame, detector, classifier, word)
        if scores:
            recent.append(max(scores))
        moments.append(time.monotonic())
        mean = _mean(recent, classifier)
        yield LiveFrame(
            jpeg=encode_jpeg(frame.pixels, quality=75),
            t_s=frame.t_s,
            faces=len(scores),
            score=max(scores, default=None),
            mean=mean,
            verdict=None if mean is None else word(mean),
            per_s=(len(moments) - 1) / max(moments[-1] - moments[0], 1e-6) if len(moments) > 1 else 0.0,
            dropped=source.dropped,
        )


def _judge(frame: Frame, detector: FaceDetector, classifier: Classifier, word: Callable[[float], str]) -> list[float]:
    """The score of each face, which are drawn into the picture."""
    found = detector.detect(frame.pixels)
    if not found:
        return []
    manifest = classifier.manifest
    size_px, margin = manifest.input_size_px, manifest.crop_margin
    crops = np.stack([crop_face(frame.pixels, face.box, size_px=size_px, margin=margin) for face in found])
    calibration = manifest.calibration["face"]
    scores = [calibration.apply(logit) for logit in classifier.judge(crops).logits.tolist()]
    draw_labelled(
        frame.pixels,
        [
            (face.box, f"{word(score)} {score:.2f}", COLOURS[word(score)])
            for face, score in zip(found, scores, strict=True)
        ],
    )
    return scores


def _mean(recent: "deque[float]", classifier: Classifier) -> float | None:
    if not recent:
        return None
    scores = list(recent)
    return classifier.manifest.calibration["mean"].apply_to_score(aggregate(scores, [scores], "mean"))
