"""What is no quiet file: pipes, devices, terabytes of nothing, and files that change while they are read."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.clips import Drawn
from tests.drawing import draw_video
from tests.hostile_files import sparse
from tests.threads import beside
from tests.unit.worker.pipeline.hostile.judging import LIMITS, look_at, with_time
from worker.pipeline.decoding import decode_frames
from worker.pipeline.errors import Reason, UnreadableVideoError
from worker.pipeline.ffmpeg import find_ffmpeg
from worker.pipeline.opening import opened_video
from worker.pipeline.probe import probe_video
from worker.pipeline.sampling import plan_decode

TIB = 1 << 40


@contextmanager
def _meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Does something over and over in a thread."""

    def run(is_over: threading.Event) -> None:
        while not is_over.is_set():
            act()
            time.sleep(0.001)

    with beside(run):
        yield


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/random", "/dev/full", "/dev/tty", "/dev/stdin", "/dev/fd/0"])
def test_a_device_is_not_opened(device: str) -> None:
    """Devices give bytes without end, or do things when they are opened."""
    assert look_at(Path(device)).reason in ("special_file", "missing")


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    """Neither by its name nor through a link."""
    os.mkfifo(tmp_path / "stalled.mp4")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "stalled.mp4")

    assert look_at(tmp_path / "stalled.mp4").reason == "special_file"
    assert look_at(tmp_path / "link.mp4").reason == "special_file"


def test_a_pipe_that_never_ends_is_not_read(tmp_path: Path) -> None:
    """A writer who has much to say waits in vain."""
    path = tmp_path / "endless.mp4"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY)
    os.write(writer, b"\0\0\0\x18ftypmp42" * 100)

    assert look_at(path).reason == "special_file"
    assert len(os.read(reader, 10_000)) == 1_200
    os.close(writer)
    os.close(reader)


def test_a_socket_is_not_opened(tmp_path: Path) -> None:
    """A socket in the file system has a name like a file's."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "talk.mp4"))

        assert look_at(tmp_path / "talk.mp4").reason == "special_file"


def test_a_file_that_turns_into_a_pipe_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever swaps the file between the look at it and the opening gains nothing."""
    (tmp_path / "file").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")
    before = (tmp_path / "file").stat()
    monkeypatch.setattr("worker.pipeline.opening.os.stat", lambda _: before)

    with pytest.raises(UnreadableVideoError) as caught, opened_video(tmp_path / "pipe"):
        pass

    assert caught.value.reason == Reason.SPECIAL_FILE


def test_a_terabyte_of_nothing_is_no_video(tmp_path: Path) -> None:
    """A sparse file is not read from end to end to find that out."""
    assert look_at(sparse(tmp_path / "zeros.mp4", head=b"", size=TIB)).reason == "not_a_video"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["h264.mp4", "h264-b.mkv", "h264-b.ts", "mpeg2.mpg", "h264.flv", "h264.avi"])
def test_a_terabyte_behind_a_video_costs_no_more_than_the_limit(name: str, drawn: Drawn, tmp_path: Path) -> None:
    """A good film, then nothing for a terabyte: its frames, or the time limit, and no hour of reading."""
    path = sparse(tmp_path / name, head=drawn(name).read_bytes(), size=TIB)

    assert look_at(path, limits=with_time(4.0)).reason in ("decoded", "time_limit", "no_frames", "too_long")


@pytest.mark.parametrize("name", ["h264-b.ts", "h264.flv", "h264-b.mkv"])
def test_a_file_that_grows_is_read_to_some_end(name: str, drawn: Drawn, tmp_path: Path) -> None:
    """A recording that is still written gives what is there."""
    path = tmp_path / name
    content = drawn(name).read_bytes()
    path.write_bytes(content)

    def append() -> None:
        if path.stat().st_size < 200_000_000:
            with path.open("ab") as file:
                file.write(content)

    with _meanwhile(append):
        end = look_at(path, limits=with_time(8.0))

    assert end.reason in ("decoded", "time_limit")


@pytest.mark.parametrize("name", ["h264-b.ts", "h264.mp4", "h264-b.mkv", "h264.avi"])
def test_a_file_that_shrinks_ends_early(name: str, drawn: Drawn, tmp_path: Path) -> None:
    """A file that is cut down and written anew, over and over, ends in frames or in a reason."""
    path = tmp_path / name
    content = drawn(name).read_bytes()
    path.write_bytes(content)

    def cut() -> None:
        os.truncate(path, len(content) // 3)
        path.write_bytes(content)

    with _meanwhile(cut):
        for _ in range(3):
            assert look_at(path).reason in ("decoded", "no_frames", "not_a_video", "empty", "vanished", "audio_only")


def test_a_file_that_vanishes_while_it_is_decoded_is_read_to_its_end(tmp_path: Path) -> None:
    """What is open stays readable; what has to be opened again has vanished."""
    path = draw_video(tmp_path / "going.mp4", seconds=2, size=(640, 480))
    facts = probe_video(path)
    frames = decode_frames(
        path, facts, plan_decode(facts, frames=8, way="sequential"), ffmpeg=find_ffmpeg(), limits=LIMITS
    )
    next(frames)
    path.unlink()

    assert len(list(frames)) == 7


def test_a_file_that_vanishes_between_two_seeks_has_its_reason(tmp_path: Path) -> None:
    """Each leap of a long video opens it anew: where it is gone, the scan says so."""
    path = draw_video(tmp_path / "going.mp4", seconds=4, size=(320, 240))
    facts = probe_video(path)
    frames = decode_frames(path, facts, plan_decode(facts, frames=4, way="seek"), ffmpeg=find_ffmpeg(), limits=LIMITS)
    next(frames)
    path.unlink()

    with pytest.raises(UnreadableVideoError) as caught:
        list(frames)
    assert caught.value.reason == Reason.VANISHED


@pytest.mark.slow
def test_a_decoder_that_stalls_is_ended_at_the_deadline(tmp_path: Path) -> None:
    """A stopped ffmpeg, as on a disk that does not answer, keeps nobody longer than the limit."""
    path = draw_video(tmp_path / "large.mp4", seconds=4, size=(1280, 720))
    facts = probe_video(path)
    plan = plan_decode(facts, frames=60, way="sequential")
    frames = decode_frames(path, facts, plan, ffmpeg=find_ffmpeg(), limits=with_time(3.0))
    next(frames)
    (decoder,) = (child for child in psutil.Process().children(recursive=True) if "ffmpeg" in child.name())
    decoder.send_signal(signal.SIGSTOP)
    started = time.monotonic()

    with pytest.raises(UnreadableVideoError) as caught:
        list(frames)

    assert caught.value.reason == Reason.TIME_LIMIT
    assert time.monotonic() - started < 10
    assert not decoder.is_running()
