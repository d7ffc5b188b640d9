"""What the judging of a video ended with, as it is written down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from db.tables.scans import Scan
from db.text import storable

END_STATES = ("judged", "no_face", "unreadable", "failed", "quarantined", "cancelled")

SCORE_COLUMNS = {
    "mean": Scan.score_mean,
    "top-k": Scan.score_top_k,
    "confident": Scan.score_confident,
    "max-track": Scan.score_max_track,
}
"""Where the score of a video under each aggregation is stored."""

DETAIL_LIMIT = 4000


@dataclass(frozen=True)
class OutcomeFace:
    """A judged face; its box is in pixels of the displayed video."""

    x_px: float
    y_px: float
    w_px: float
    h_px: float
    detection: float
    logit: float
    score: float
    track: int


@dataclass(frozen=True)
class OutcomeFrame:
    """A sampled frame, its score None where it has no face."""

    t_s: float
    score: float | None
    faces: tuple[OutcomeFace, ...] = ()


@dataclass(frozen=True)
class OutcomeTrack:
    """One person's faces over the video."""

    id: int
    faces: int
    score: float


@dataclass(frozen=True)
class OutcomeFacts:
    """What the container says, as far as it is known."""

    duration_s: float | None = None
    width_px: int | None = None
    height_px: int | None = None
    codec: str | None = None
    container: str | None = None
    frame_rate: float | None = None
    rotation_deg: int | None = None


@dataclass(frozen=True)
class Outcome:
    """The end of a scan.

    Args:
        state: one of the states in which a scan ends.
        reason: code of what went wrong, None when judged.
        detail: one sentence for people.
        scores: the calibrated score under every aggregation when judged, else empty.
        seconds: wall seconds per stage and "total".
        runtime: the engine that judged, such as "openvino".
    """

    state: str
    reason: str | None = None
    detail: str | None = None
    warnings: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    facts: OutcomeFacts | None = None
    frames: tuple[OutcomeFrame, ...] = ()
    tracks: tuple[OutcomeTrack, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    runtime: str | None = None

    def __post_init__(self) -> None:
        if self.state not in END_STATES:
            raise ValueError(f"state must be one of {', '.join(END_STATES)}, got {self.state!r}")
        wanted = set(SCORE_COLUMNS) if self.state == "judged" else set()
        if set(self.scores) != wanted:
            raise ValueError(f"a {self.state} scan has the scores {sorted(wanted)}, got {sorted(self.scores)}")
        for name, score in self.scores.items():
            if not 0 <= score <= 1:
                raise ValueError(f"score {name} must lie in 0..1, got {score}")


def scan_columns(outcome: Outcome) -> dict[str, Any]:
    """The columns of `scans` that an outcome fills."""
    return {
        "state": outcome.state,
        "reason": outcome.reason,
        "detail": None if outcome.detail is None else storable(outcome.detail, limit=DETAIL_LIMIT),
        "warnings": list(outcome.warnings),
        **{SCORE_COLUMNS[name].key: float(score) for name, score in outcome.scores.items()},
        "frames_sampled": len(outcome.frames),
        "frames_with_faces": sum(bool(frame.faces) for frame in outcome.frames),
        "faces": sum(len(frame.faces) for frame in outcome.frames),
        "seconds": {stage: float(value) for stage, value in outcome.seconds.items()},
        "runtime": outcome.runtime,
    }
