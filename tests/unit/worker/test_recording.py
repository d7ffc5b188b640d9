"""What the pipeline found is what the database stores."""

from db.outcomes import OutcomeFace, OutcomeFacts, OutcomeFrame, OutcomeTrack
from worker.pipeline.errors import Reason, UnreadableVideoError
from worker.pipeline.results import Box, FaceResult, FrameResult, ScanResult, TrackResult, VideoFacts
from worker.recording import cancelled, outcome_of, unreadable

FACTS = VideoFacts("mov,mp4", "h264", 720, 1280, 90, 10.0, 25.0, 0.0, 0, (0.0,), 1000)


def test_a_judged_video_keeps_every_finding() -> None:
    """Scores, frames, faces, tracks, seconds and warnings arrive unchanged."""
    face = FaceResult(Box(1, 2, 64, 80), detection=0.9, logit=-1.5, score=0.2, track=3)
    scores = {"mean": 0.2, "top-k": 0.2, "confident": 0.3, "max-track": 0.25}
    result = ScanResult(
        FACTS,
        frames=(FrameResult(0.5, 0.2, (face,)), FrameResult(1.5, None, ())),
        tracks=(TrackResult(3, 1, 0.25),),
        scores=scores,
        warnings=("truncated",),
        seconds={"probe": 0.1, "total": 1.0},
        duration_s=9.5,
        runtime="openvino",
    )

    outcome = outcome_of(result)

    assert (outcome.state, outcome.reason, outcome.scores, outcome.warnings) == ("judged", None, scores, ("truncated",))
    assert outcome.frames == (
        OutcomeFrame(0.5, 0.2, (OutcomeFace(1.0, 2.0, 64.0, 80.0, 0.9, -1.5, 0.2, 3),)),
        OutcomeFrame(1.5, None),
    )
    assert outcome.tracks == (OutcomeTrack(3, 1, 0.25),)
    assert outcome.facts == OutcomeFacts(9.5, 720, 1280, "h264", "mov,mp4", 25.0, 90)
    assert (outcome.seconds, outcome.runtime) == ({"probe": 0.1, "total": 1.0}, "openvino")


def test_a_video_without_faces_has_no_score() -> None:
    """Nobody in it is a state of its own; the container's duration stands where decoding found no other."""
    outcome = outcome_of(ScanResult(FACTS, frames=(FrameResult(0.5, None, ()),), tracks=(), scores={}))

    assert (outcome.state, outcome.scores, outcome.runtime) == ("no_face", {}, None)
    assert outcome.facts is not None
    assert outcome.facts.duration_s == 10.0


def test_an_unreadable_video_says_why() -> None:
    """Reason and detail are those of the error."""
    outcome = unreadable(UnreadableVideoError(Reason.AUDIO_ONLY, "it has 1 audio stream and no video"))

    assert (outcome.state, outcome.reason) == ("unreadable", "audio_only")
    assert outcome.detail == "it has 1 audio stream and no video"


def test_a_cancelled_scan_says_so() -> None:
    """The operator's wish is a state and a reason."""
    assert (cancelled().state, cancelled().reason) == ("cancelled", "cancelled")
