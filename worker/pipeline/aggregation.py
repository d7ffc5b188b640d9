"""Makes one score of a video out of the scores of its frames and of its persons."""

import math
from collections.abc import Callable, Sequence

from worker.pipeline.results import Aggregation

TOP_FRACTION = 0.25
"""Share of the frames that `top-k` looks at: a face swapped in one scene of four still decides."""

SURELY_FAKE, SURELY_REAL = 0.8, 0.2
LEAST_SURE_FRAMES = 11
LEAST_SURE_SHARE = 0.4
MOSTLY = 0.9

LEAST_TRACK_FACES = 2
"""A person seen once is one guess; where others were seen more often, it does not decide."""


def score_frame(face_scores: Sequence[float]) -> float:
    """The score of a frame: its highest face (as in Self-Blended Images, Shiohara and Yamasaki, 2022).

    Raises:
        ValueError: the frame has no face.
    """
    if not face_scores:
        raise ValueError("a frame without a face has no score")
    return max(face_scores)


def aggregate(frame_scores: Sequence[float], track_scores: Sequence[Sequence[float]], method: Aggregation) -> float:
    """The raw score of a video, 0..1, before the aggregation's own calibration.

    Args:
        frame_scores: of the frames that have a face, in any order.
        track_scores: the scores of each person's faces.
        method: `mean` of the frames; `top-k`, the mean of the highest quarter of them; `confident`, the mean of those
            frames that are sure, where they are enough; `max-track`, the worst person's mean.

    Raises:
        ValueError: there is nothing to aggregate, or no such method.
    """
    if not frame_scores or not any(track_scores):
        raise ValueError("a video without a face has no score")
    if method == "max-track":
        return max_track(track_scores)
    if method not in _OF_FRAMES:
        raise ValueError(f"aggregate must be one of {', '.join((*_OF_FRAMES, 'max-track'))}, got {method!r}")
    return _OF_FRAMES[method](frame_scores)


def top_mean(scores: Sequence[float], *, top_fraction: float = TOP_FRACTION) -> float:
    """The mean of the highest scores: a fraction of them, rounded up."""
    count = max(1, math.ceil(len(scores) * top_fraction))
    return _mean(sorted(scores, reverse=True)[:count])


def confident_mean(scores: Sequence[float]) -> float:
    """The mean of the sure scores, where they are enough, else of all.

    This is the strategy of the winner of the Deepfake Detection Challenge (Seferbekov, 2020, `confident_strategy`).
    """
    fakes = [score for score in scores if score > SURELY_FAKE]
    if len(fakes) > LEAST_SURE_FRAMES and len(fakes) > LEAST_SURE_SHARE * len(scores):
        return _mean(fakes)
    reals = [score for score in scores if score < SURELY_REAL]
    return _mean(reals if len(reals) > MOSTLY * len(scores) else scores)


def max_track(track_scores: Sequence[Sequence[float]]) -> float:
    """The highest mean of a person, among those seen at least twice where there are any."""
    lasting = [scores for scores in track_scores if len(scores) >= LEAST_TRACK_FACES]
    return max(_mean(scores) for scores in (lasting or track_scores) if scores)


def _mean(scores: Sequence[float]) -> float:
    # fsum: the order of the frames must not show in the last digit.
    return math.fsum(scores) / len(scores)


_OF_FRAMES: dict[Aggregation, Callable[[Sequence[float]], float]] = {
    "mean": _mean,
    "top-k": top_mean,
    "confident": confident_mean,
}
