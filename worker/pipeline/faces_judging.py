"""Collects the face crops of a video's frames and judges them in full batches, so that few are held at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from worker.pipeline.classifier import Classifier
from worker.pipeline.preprocessing import crop_face
from worker.pipeline.results import Box, DetectedFace, Frame, Pixels
from worker.pipeline.tracking import Look, look_of


@dataclass
class JudgedFace:
    """A face on its way through the pipeline; `logit` is set once its batch was judged.

    Args:
        box: in pixels of the displayed video.
        detection: the detector's confidence, 0..1.
        look: its thumbnail, for the tracks.
    """

    box: Box
    detection: float
    look: Look
    logit: float = 0.0


class FaceJudge:
    """Takes frames with their faces, and gives each face its logit.

    Args:
        classifier: judges the crops.
        timed: called with the judging of each batch, so that its seconds are counted.
    """

    def __init__(self, classifier: Classifier, timed: Callable[[Callable[[], None]], None]) -> None:
        self._classifier = classifier
        self._timed = timed
        self._crops: list[Pixels] = []
        self._waiting: list[JudgedFace] = []

    def take(self, frame: Frame, found: list[DetectedFace]) -> list[JudgedFace]:
        """The faces of a frame; judged at the latest by `finish`."""
        manifest = self._classifier.manifest
        faces: list[JudgedFace] = []
        for face in found:
            crop = crop_face(frame.pixels, face.box, size_px=manifest.input_size_px, margin=manifest.crop_margin)
            faces.append(JudgedFace(face.box.scaled(frame.scale), face.detection, look_of(crop)))
            self._crops.append(crop)
            self._waiting.append(faces[-1])
            if len(self._waiting) == self._classifier.batch_size:
                self._timed(self._judge)
        return faces

    def finish(self) -> None:
        """Judges the faces that still wait."""
        if self._waiting:
            self._timed(self._judge)

    def _judge(self) -> None:
        logits = self._classifier.judge(np.stack(self._crops)).logits
        for face, logit in zip(self._waiting, logits.tolist(), strict=True):
            face.logit = logit
        self._crops.clear()
        self._waiting.clear()
