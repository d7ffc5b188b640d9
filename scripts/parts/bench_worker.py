"""A real worker whose judging costs nothing: `python -m scripts.parts.bench_worker PROCESSES`.

Claims, leases, heartbeats and saving are the product's own, so what such a worker needs is what they cost.
"""

import sys

from db.leases import Claim
from worker.heartbeat import Heartbeat
from worker.pipeline.results import STAGES, Box, FaceResult, FrameResult, ScanResult, TrackResult, VideoFacts
from worker.serve import run_worker
from worker.settings import read_settings

FRAMES = 16


def judge_for_nothing(_claim: Claim, heartbeat: Heartbeat) -> ScanResult:
    """What a video of standard length comes to: 16 frames with a face each, reported stage by stage."""
    for stage in STAGES:
        heartbeat.report(stage, 1.0)
    face = FaceResult(Box(100, 80, 96, 120), detection=0.9, logit=-1.0, score=0.2, track=0)
    return ScanResult(
        VideoFacts("mov,mp4", "h264", 1280, 720, 0, 15.0, 25.0, 0.0, 0, (), 1_000_000),
        frames=tuple(FrameResult(float(number), 0.2, (face,)) for number in range(FRAMES)),
        tracks=(TrackResult(0, FRAMES, 0.2),),
        scores=dict.fromkeys(("mean", "top-k", "confident", "max-track"), 0.2),
        seconds=dict.fromkeys((*STAGES, "total"), 0.0),
        runtime="bench",
    )


if __name__ == "__main__":
    sys.exit(run_worker(read_settings(), concurrency=int(sys.argv[1]), judge=judge_for_nothing))
