"""A real worker whose judging is light: `python -m scheduler.drill.worker CONCURRENCY LONGEST_S`.

Queue, claim, lease, heartbeat, evidence and saving are the product's own; only the looking at pictures is left out,
except for the clips that ask for the whole pipeline.
"""

import os
import signal
import sys
import time
from pathlib import Path

from db.leases import Claim
from scheduler.drill.clips import kind_of, score_of, share_of
from worker.content import check_content
from worker.heartbeat import Heartbeat
from worker.judging import make_judge
from worker.pipeline.errors import ScanStoppedError
from worker.pipeline.results import STAGES, Box, FaceResult, FrameResult, ScanResult, TrackResult, VideoFacts
from worker.serve import run_worker
from worker.settings import Settings, read_settings
from worker.tasks import Judge

SLOW_S = 9.0
"""How long a slow clip takes: longer than a drill's lease."""
_TICK_S = 0.02


def make_light_judge(settings: Settings, *, longest_s: float) -> Judge:
    """A judge that does what a clip's name says."""
    whole_pipeline = make_judge(settings)

    def judge(claim: Claim, heartbeat: Heartbeat) -> ScanResult:
        kind = kind_of(Path(os.fsdecode(claim.path)))
        if kind == "whole":
            return whole_pipeline(claim, heartbeat)
        check_content(claim, should_stop=heartbeat.should_stop)
        duration_s = SLOW_S if kind == "slow" else share_of(claim.sha256) * longest_s
        for number, stage in enumerate(STAGES):
            heartbeat.report(stage, number / len(STAGES))
            _wait(duration_s / len(STAGES), heartbeat)
            if number == 1 and kind.startswith("poison"):
                _kill(os.getppid() if kind == "poison_worker" else os.getpid())
        return _result(score_of(claim.sha256))

    return judge


def _kill(pid: int) -> None:
    """What a poison video does; a worker that is gone takes this process along."""
    os.kill(pid, signal.SIGKILL)
    time.sleep(600)


def _wait(duration_s: float, heartbeat: Heartbeat) -> None:
    end_s = time.monotonic() + duration_s
    while True:
        if heartbeat.should_stop():
            raise ScanStoppedError(heartbeat.stop_reason or "")
        if time.monotonic() >= end_s:
            return
        time.sleep(min(_TICK_S, duration_s))


def _result(score: float) -> ScanResult:
    face = FaceResult(Box(10, 8, 30, 36), detection=0.9, logit=0.0, score=score, track=0)
    return ScanResult(
        VideoFacts("mov,mp4", "h264", 64, 48, 0, 1.0, 5.0, 0.0, 0, (), 1_000),
        frames=(FrameResult(0.2, score, (face,)), FrameResult(0.6, None, ())),
        tracks=(TrackResult(0, 1, score),),
        scores=dict.fromkeys(("mean", "top-k", "confident", "max-track"), score),
        seconds=dict.fromkeys((*STAGES, "total"), 0.0),
        runtime="drill",
    )


if __name__ == "__main__":
    settings_of_drill = read_settings()
    light = make_light_judge(settings_of_drill, longest_s=float(sys.argv[2]))
    sys.exit(run_worker(settings_of_drill, concurrency=int(sys.argv[1]), judge=light))
