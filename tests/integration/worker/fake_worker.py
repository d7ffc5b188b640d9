"""A real worker whose judge obeys the video's name: `python fake_worker.py DIARY CONCURRENCY`.

Each start of a judging is one line "NAME PID" in the diary. What a name begins with says what happens.
"""

import faulthandler
import os
import signal
import sys
import time
from pathlib import Path

from db.leases import Claim
from worker.heartbeat import Heartbeat
from worker.pipeline.errors import BundleError, Reason, ScanStoppedError, TransientError, UnreadableVideoError
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.ffmpeg_process import FfmpegProcess, Watch
from worker.pipeline.limits import Limits
from worker.pipeline.results import Box, FaceResult, FrameResult, ScanResult, TrackResult, VideoFacts
from worker.serve import run_worker
from worker.settings import read_settings

# Into the log, shortly before a test gives up waiting: where a worker hangs that does not begin.
faulthandler.dump_traceback_later(50)
_KEPT: list[bytes] = []

_ERRORS = {
    "unreadable": UnreadableVideoError(Reason.NOT_A_VIDEO, "it is text"),
    "transient": TransientError(Reason.DISK_FULL, "no space left"),
    "bundle": BundleError("no classifier"),
    "memory": MemoryError(),
    "defect": KeyError("frame"),
}


def _complain_and_die() -> None:
    """What ffmpeg says of a file becomes evidence against it, should the process die."""
    command = [str(find_ffmpeg()), "-nostdin", "-hide_banner", "-i", "fd:absent.mp4", "-f", "null", "-"]
    watch = Watch(time.monotonic() + 60, lambda: False)
    with FfmpegProcess(command, pass_fds=[], limits=Limits(), watch=watch) as run:
        run.finish()
    time.sleep(1.5)
    os.kill(os.getpid(), signal.SIGKILL)


_DEATHS = {
    "poison": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": lambda: os._exit(3),
    "complain": _complain_and_die,
    # The whole worker dies, and this process as soon as it has noticed.
    "plague": lambda: (os.kill(os.getppid(), signal.SIGKILL), time.sleep(600)),
}


def judge(claim: Claim, heartbeat: Heartbeat) -> ScanResult:
    """Does what the name of the video says."""
    name = Path(os.fsdecode(claim.path)).stem
    diary = Path(sys.argv[1])
    with diary.open("a") as lines:
        lines.write(f"{name} {os.getpid()}\n")
    heartbeat.report("decode", 0.5)
    kind = name.partition("-")[0]
    if kind in _ERRORS:
        raise _ERRORS[kind]
    if kind == "grow":
        # As a library does that leaks: touched, and kept for good.
        _KEPT.append(b"x" * 400_000_000)
    if kind in _DEATHS and not diary.with_name("cure").exists():
        # After the lease was renewed, so that the stage is known.
        time.sleep(1.5)
        _DEATHS[kind]()
    if kind == "busy":
        # Three leases long, and in all that time it looks at nothing.
        time.sleep(6)
    if kind == "deaf":
        time.sleep(600)
    _wait(diary, name, heartbeat, limit_s=600.0 if kind == "hold" else float(kind == "slow"))
    return _one_face()


def _wait(diary: Path, name: str, heartbeat: Heartbeat, *, limit_s: float) -> None:
    """Waits until the time is over or a file with the video's name lies beside the diary."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s and not diary.with_name(name).exists():
        if heartbeat.should_stop():
            raise ScanStoppedError(name)
        time.sleep(0.02)


def _one_face() -> ScanResult:
    face = FaceResult(Box(1, 2, 64, 64), detection=0.9, logit=2.0, score=0.9, track=0)
    facts = VideoFacts("mov,mp4", "h264", 640, 480, 0, 2.0, 25.0, 0.0, 0, (), 1000)
    scores = {"mean": 0.9, "top-k": 0.9, "confident": 0.9, "max-track": 0.9}
    return ScanResult(
        facts,
        frames=(FrameResult(0.5, 0.9, (face,)), FrameResult(1.5, None, ())),
        tracks=(TrackResult(0, 1, 0.9),),
        scores=scores,
        seconds={"total": 0.1},
        runtime="fake",
    )


if __name__ == "__main__":
    sys.exit(run_worker(read_settings(), concurrency=int(sys.argv[2]), judge=judge))
