"""Collects the faces of a video's frames and has them judged in batches, so that no picture is kept."""

import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from worker.pipeline.aggregation import aggregate, score_frame
from worker.pipeline.classifier import Classifier
from worker.pipeline.faces import FaceDetector
from worker.pipeline.kept_faces import Candidate, Shortlist, shrink_frame
from worker.pipeline.manifest import Manifest
from worker.pipeline.preprocessing import crop_face
from worker.pipeline.results import (
    AGGREGATIONS,
    Aggregation,
    DetectedFace,
    FaceResult,
    Frame,
    FrameResult,
    KeptFace,
    Pixels,
    TrackResult,
)
from worker.pipeline.tracking import Look, link_tracks, look_of


@dataclass
class _SeenFrame:
    number: int
    t_s: float
    scale: float
    size_px: tuple[int, int]
    faces: list[DetectedFace] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    logits: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class _Waiting:
    seen: _SeenFrame
    crop: Pixels
    small: Pixels | None


class SeenFaces:
    """The faces seen so far; of pictures it keeps one batch of frames and of crops, and a few small ones to show.

    Args:
        detector: finds them.
        classifier: judges them.
        seconds: wall seconds by stage; "detect" (finding and cutting) and "classify" are added to.
        check: called before each batch; raises where the scan shall end.
        keep: faces that are kept in pictures, at most.
    """

    def __init__(
        self,
        detector: FaceDetector,
        classifier: Classifier,
        *,
        seconds: MutableMapping[str, float],
        check: Callable[[], None],
        keep: int = 0,
    ) -> None:
        self._detector = detector
        self._classifier = classifier
        self._seconds = seconds
        self._check = check
        self._frames: list[_SeenFrame] = []
        self._unseen: list[tuple[_SeenFrame, Pixels]] = []
        self._waiting: list[_Waiting] = []
        self._shortlist = Shortlist(keep)

    def look_at(self, frame: Frame) -> None:
        """Find the faces of the next frame, together with those of the frames before where the detector takes several.

        They are judged when a batch is full.
        """
        height, width = frame.pixels.shape[:2]
        size_px = (round(width * frame.scale), round(height * frame.scale))
        seen = _SeenFrame(len(self._frames), frame.t_s, frame.scale, size_px)
        self._frames.append(seen)
        if self._unseen and self._unseen[0][1].shape != frame.pixels.shape:
            self._find_faces()
        self._unseen.append((seen, frame.pixels))
        if len(self._unseen) >= self._detector.batch_size:
            self._find_faces()

    def finish(self) -> tuple[FrameResult, ...]:
        """Look at and judge what waits, and link the persons: every frame, in order."""
        if self._unseen:
            self._check()
            self._find_faces()
        self._judge_waiting()
        boxes = [(seen.t_s, [face.box for face in seen.faces]) for seen in self._frames]
        tracks = link_tracks(boxes, looks=[seen.looks for seen in self._frames])
        manifest = self._classifier.manifest
        return tuple(_judged(seen, ids, manifest) for seen, ids in zip(self._frames, tracks, strict=True))

    def kept(self, frames: tuple[FrameResult, ...]) -> tuple[KeptFace, ...]:
        """The faces to show, once `finish` gave the frames."""
        return self._shortlist.choose(frames, heat_span=self._classifier.manifest.heat_span)

    def _find_faces(self) -> None:
        unseen, self._unseen = self._unseen, []
        with timed(self._seconds, "detect"):
            found = self._detector.detect_each([pixels for _, pixels in unseen])
        for (seen, pixels), faces in zip(unseen, found, strict=True):
            self._cut(seen, pixels, faces)

    def _cut(self, seen: _SeenFrame, pixels: Pixels, faces: list[DetectedFace]) -> None:
        manifest = self._classifier.manifest
        seen.faces = faces
        with timed(self._seconds, "detect"):
            small = shrink_frame(pixels) if faces and self._shortlist.most else None
        for face in faces:
            with timed(self._seconds, "detect"):
                crop = crop_face(pixels, face.box, size_px=manifest.input_size_px, margin=manifest.crop_margin)
                seen.looks.append(look_of(crop))
            self._waiting.append(_Waiting(seen, crop, small))
            if len(self._waiting) >= self._classifier.batch_size:
                self._judge_waiting()

    def _judge_waiting(self) -> None:
        if not self._waiting:
            return
        self._check()
        with timed(self._seconds, "classify"):
            judgement = self._classifier.judge(np.stack([one.crop for one in self._waiting]))
        for place, (one, logit) in enumerate(zip(self._waiting, judgement.logits.tolist(), strict=True)):
            seen, number = one.seen, len(one.seen.logits)
            seen.logits.append(logit)
            if one.small is not None:
                heat_map = None if judgement.heat_maps is None else judgement.heat_maps[place]
                look = seen.looks[number]
                self._shortlist.offer(
                    Candidate(seen.number, number, logit, look, one.crop, heat_map, one.small, seen.size_px)
                )
        self._waiting.clear()


def judge_tracks(frames: tuple[FrameResult, ...], manifest: Manifest) -> tuple[TrackResult, ...]:
    """Each person's number of faces, and the score of a video that showed nobody else."""
    calibration = manifest.calibration["max-track"]
    return tuple(
        TrackResult(id=track, faces=len(scores), score=calibration.apply_to_score(aggregate(scores, [scores], "mean")))
        for track, scores in sorted(_scores_by_track(frames).items())
    )


def judge_video(frames: tuple[FrameResult, ...], manifest: Manifest) -> dict[Aggregation, float]:
    """The calibrated score under each aggregation; empty where no frame has a face."""
    by_frame = [frame.score for frame in frames if frame.score is not None]
    by_track = [scores for _, scores in sorted(_scores_by_track(frames).items())]
    if not by_frame:
        return {}
    return {
        method: manifest.calibration[method].apply_to_score(aggregate(by_frame, by_track, method))
        for method in AGGREGATIONS
    }


@contextmanager
def timed(seconds: MutableMapping[str, float], stage: str) -> Iterator[None]:
    """Adds the wall seconds that the block takes to a stage."""
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - started


def _judged(seen: _SeenFrame, tracks: list[int], manifest: Manifest) -> FrameResult:
    calibration = manifest.calibration["face"]
    faces = tuple(
        FaceResult(
            box=face.box.scaled(seen.scale),
            detection=face.detection,
            logit=logit,
            score=calibration.apply(logit),
            track=track,
        )
        for face, logit, track in zip(seen.faces, seen.logits, tracks, strict=True)
    )
    return FrameResult(seen.t_s, score_frame([face.score for face in faces]) if faces else None, faces)


def _scores_by_track(frames: tuple[FrameResult, ...]) -> dict[int, list[float]]:
    scores: dict[int, list[float]] = {}
    for frame in frames:
        for face in frame.faces:
            scores.setdefault(face.track, []).append(face.score)
    return scores
