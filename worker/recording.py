"""Turns what the pipeline found into what the database stores."""

from db.outcomes import Outcome, OutcomeFace, OutcomeFacts, OutcomeFrame, OutcomeTrack
from worker.pipeline.errors import Reason, UnreadableVideoError
from worker.pipeline.results import FaceResult, FrameResult, ScanResult


def outcome_of(result: ScanResult) -> Outcome:
    """The outcome of a video that was looked at: judged, or nobody in it."""
    return Outcome(
        state=result.state,
        warnings=result.warnings,
        scores={str(name): float(score) for name, score in result.scores.items()},
        facts=_facts_of(result),
        frames=tuple(_frame_of(frame) for frame in result.frames),
        tracks=tuple(OutcomeTrack(id=track.id, faces=track.faces, score=track.score) for track in result.tracks),
        seconds=dict(result.seconds),
        runtime=result.runtime or None,
    )


def unreadable(error: UnreadableVideoError) -> Outcome:
    """The outcome of a video that cannot be looked at."""
    return Outcome(state="unreadable", reason=str(error.reason), detail=error.detail)


def cancelled() -> Outcome:
    """The outcome of a scan that the operator stopped."""
    return Outcome(state="cancelled", reason=str(Reason.CANCELLED), detail="stopped while it ran")


def _facts_of(result: ScanResult) -> OutcomeFacts:
    facts = result.facts
    return OutcomeFacts(
        # What decoding found is nearer to the truth than what the header claims.
        duration_s=facts.duration_s if result.duration_s is None else result.duration_s,
        width_px=facts.width_px,
        height_px=facts.height_px,
        codec=facts.codec,
        container=facts.container,
        frame_rate=facts.frame_rate,
        rotation_deg=facts.rotation_deg,
    )


def _frame_of(frame: FrameResult) -> OutcomeFrame:
    return OutcomeFrame(t_s=frame.t_s, score=frame.score, faces=tuple(_face_of(face) for face in frame.faces))


def _face_of(face: FaceResult) -> OutcomeFace:
    return OutcomeFace(
        x_px=float(face.box.x),
        y_px=float(face.box.y),
        w_px=float(face.box.w),
        h_px=float(face.box.h),
        detection=float(face.detection),
        logit=float(face.logit),
        score=float(face.score),
        track=face.track,
    )
