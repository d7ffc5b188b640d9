"""ffmpeg ends when it is told to, when it takes too long and when its parent dies, and leaves nothing behind."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.clips import Drawn
from tests.drawing import draw_video
from tests.reading import read_clip
from worker.pipeline.decoding import decode_frames
from worker.pipeline.errors import PipelineError, Reason, ScanStoppedError, TransientError, UnreadableVideoError
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.limits import Limits
from worker.pipeline.probe import probe_video
from worker.pipeline.results import Frame
from worker.pipeline.sampling import plan_decode

STUCK_FFMPEG = "#!/bin/sh\nexec sleep 600\n"
DIES_WITHIN_S = 1.0


def _decoders() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if "ffmpeg" in _name_of(child)]


def _name_of(process: psutil.Process) -> str:
    """Empty for one that is gone meanwhile, as those are that other tests left to end."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def _descriptors() -> int:
    gc.collect()
    return psutil.Process().num_fds()


def _frames(path: Path, *, ffmpeg: Path | None = None, limits: Limits | None = None) -> Iterator[Frame]:
    facts = probe_video(path)
    plan = plan_decode(facts, frames=8, way="seek")
    return decode_frames(path, facts, plan, ffmpeg=ffmpeg or find_ffmpeg(), limits=limits or Limits())


def _script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_closed_generator_leaves_nothing(drawn: Drawn) -> None:
    """Leaving after the first frame ends every decoder and closes every descriptor."""
    probe_video(drawn("h264.mp4"))
    before = _descriptors()
    frames = _frames(drawn("h264.mp4"))
    next(frames)
    assert _decoders()

    frames.close()  # type: ignore[attr-defined]

    assert _decoders() == []
    assert _descriptors() == before


def test_whole_decoding_leaves_nothing(drawn: Drawn) -> None:
    """After the last frame, and after a refusal, there is no process and no descriptor more than before."""
    probe_video(drawn("h264.mp4"))
    before = _descriptors()
    for _ in range(3):
        read_clip(drawn("h264.mp4"), way="seek")
        read_clip(drawn("h264.flv"))
        with pytest.raises(PipelineError):
            read_clip(drawn("h264.mp4"), limits=Limits(memory_bytes=16 * 1024 * 1024))

    assert _decoders() == []
    assert _descriptors() == before


def test_stuck_decoder_is_ended_at_its_deadline(drawn: Drawn, tmp_path: Path) -> None:
    """An ffmpeg that never answers is killed, and the video has run into the time limit."""
    stuck = _script(tmp_path / "ffmpeg", STUCK_FFMPEG)
    with pytest.raises(UnreadableVideoError) as caught:
        list(_frames(drawn("h264.mp4"), ffmpeg=stuck, limits=Limits(time_limit_s=0.5)))

    assert caught.value.reason == Reason.TIME_LIMIT
    assert "sleep" not in {_name_of(child) for child in psutil.Process().children(recursive=True)}


def test_stop_request_is_obeyed_while_waiting(drawn: Drawn, tmp_path: Path) -> None:
    """A stop ends even a decoder that gives no frame."""
    stuck = _script(tmp_path / "ffmpeg", STUCK_FFMPEG)
    path = drawn("h264.mp4")
    facts = probe_video(path)
    asked: list[None] = []

    def stop_at_third() -> bool:
        asked.append(None)
        return len(asked) >= 3

    with pytest.raises(ScanStoppedError):
        list(decode_frames(path, facts, plan_decode(facts, frames=2), ffmpeg=stuck, should_stop=stop_at_third))


def test_missing_ffmpeg_is_the_machine_s_fault(drawn: Drawn, tmp_path: Path) -> None:
    """A binary that is not there, or cannot be run, is no fault of the video."""
    with pytest.raises(TransientError):
        find_ffmpeg(tmp_path / "absent")
    with pytest.raises(TransientError):
        list(_frames(drawn("h264.mp4"), ffmpeg=tmp_path / "absent"))


def test_vanished_video_is_named(drawn: Drawn, tmp_path: Path) -> None:
    """A file that goes between probe and decoding has vanished."""
    path = tmp_path / "going.mp4"
    path.write_bytes(drawn("h264.mp4").read_bytes())
    frames = _frames(path)
    path.unlink()

    with pytest.raises(UnreadableVideoError) as caught:
        next(frames)

    assert caught.value.reason == Reason.VANISHED


def test_decoder_runs_under_limits(tmp_path: Path) -> None:
    """The running ffmpeg has bounds on memory, processor time, files and core dumps."""
    path = draw_video(tmp_path / "large.mp4", seconds=1, size=(1280, 720))
    frames = _frames(path, limits=Limits(memory_bytes=1 << 31, time_limit_s=100))
    next(frames)
    decoder = _decoders()[0]

    assert decoder.rlimit(psutil.RLIMIT_AS) == (1 << 31, 1 << 31)
    assert decoder.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert decoder.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert 100 <= decoder.rlimit(psutil.RLIMIT_CPU)[0] <= 400
    frames.close()  # type: ignore[attr-defined]


def test_decoder_dies_with_its_killed_parent(tmp_path: Path) -> None:
    """SIGKILL of the process that decodes leaves neither ffmpeg nor the probing process, nor what started them."""
    path = draw_video(tmp_path / "large.mp4", seconds=2, size=(1280, 720))
    program = (
        "import sys, time\n"
        "from worker.pipeline.probe import probe_video\n"
        "from worker.pipeline.sampling import plan_decode\n"
        "from worker.pipeline.decoding import decode_frames\n"
        "from worker.pipeline.ffmpeg import find_ffmpeg\n"
        "facts = probe_video(sys.argv[1])\n"
        "plan = plan_decode(facts, frames=40, way='sequential')\n"
        "frames = decode_frames(sys.argv[1], facts, plan, ffmpeg=find_ffmpeg())\n"
        "next(frames)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, env=_environment())
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) == 3

    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    deadline = time.monotonic() + DIES_WITHIN_S
    while any(_is_running(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_is_running(child) for child in children)


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[4])}


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_no_thread_leaves_no_process(drawn: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit of threads the machine is named, and the started decoder and its pipes are gone."""
    probe_video(drawn("h264.mp4"))
    before = _descriptors()

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(TransientError) as caught:
            next(_frames(drawn("h264.mp4")))

    assert caught.value.reason == Reason.MEMORY_LIMIT
    # What refers to the error holds on to its frames.
    del caught
    assert _decoders() == []
    assert _descriptors() == before
