"""Makes calibrated scores of frames, tracks and the video out of the logits of faces."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from worker.pipeline.aggregation import aggregate, score_frame
from worker.pipeline.calibration import Calibration
from worker.pipeline.faces_judging import JudgedFace
from worker.pipeline.results import AGGREGATIONS, Aggregation, FaceResult, FrameResult, TrackResult
from worker.pipeline.tracking import link_tracks

Sampled = tuple[float, list[JudgedFace]]
"""A frame's time in seconds and its faces."""


def score_frames(sampled: Sequence[Sampled], calibration: Mapping[str, Calibration]) -> tuple[FrameResult, ...]:
    """Each frame with its faces' calibrated scores and tracks."""
    tracks = link_tracks(
        [(t_s, [face.box for face in faces]) for t_s, faces in sampled],
        [[face.look for face in faces] for _, faces in sampled],
    )
    frames: list[FrameResult] = []
    for (t_s, faces), numbers in zip(sampled, tracks, strict=True):
        judged = tuple(
            FaceResult(face.box, face.detection, face.logit, calibration["face"].apply(face.logit), number)
            for face, number in zip(faces, numbers, strict=True)
        )
        score = score_frame([face.score for face in judged]) if judged else None
        frames.append(FrameResult(t_s, score, judged))
    return tuple(frames)


def score_tracks(frames: Sequence[FrameResult], calibration: Mapping[str, Calibration]) -> tuple[TrackResult, ...]:
    """Each person's score: the mean of the faces, calibrated as the video's worst person is."""
    return tuple(
        TrackResult(track, len(scores), calibration["max-track"].apply_to_score(sum(scores) / len(scores)))
        for track, scores in sorted(scores_by_track(frames).items())
    )


def score_video(frames: Sequence[FrameResult], calibration: Mapping[str, Calibration]) -> dict[Aggregation, float]:
    """The calibrated score under each aggregation; empty where no frame has a face."""
    by_frame = [frame.score for frame in frames if frame.score is not None]
    if not by_frame:
        return {}
    by_track = [scores for _, scores in sorted(scores_by_track(frames).items())]
    return {
        method: calibration[method].apply_to_score(aggregate(by_frame, by_track, method)) for method in AGGREGATIONS
    }


def scores_by_track(frames: Sequence[FrameResult]) -> dict[int, list[float]]:
    """The scores of each track's faces, in order of time."""
    tracks: dict[int, list[float]] = defaultdict(list)
    for frame in frames:
        for face in frame.faces:
            tracks[face.track].append(face.score)
    return tracks
