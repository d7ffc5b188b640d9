"""`fakesweep live`: what a source shows is judged as it comes, and shown on this machine alone."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import requests

from cli.live_view import live_line, served
from tests.bundles import build_bundle
from tests.end_to_end.face_clips import draw_face_video
from worker.live import LiveFrame, watch_live
from worker.live_source import LatestFrame, camera_source, named_source
from worker.pipeline.classifier import load_classifier
from worker.pipeline.detector_file import find_detector
from worker.pipeline.errors import UnreadableVideoError
from worker.pipeline.faces import FaceDetector
from worker.pipeline.ffmpeg import find_ffmpeg


@pytest.mark.slow
def test_a_file_is_judged_as_it_plays(tmp_path: Path) -> None:
    """Pictures come with boxes drawn, in order of time, and the source's end ends it."""
    clip = draw_face_video(tmp_path / "clip.mp4", seconds=3.0)
    classifier = load_classifier(build_bundle(tmp_path / "red"), device="cpu")

    with LatestFrame(named_source(str(clip)), ffmpeg=find_ffmpeg()) as latest:
        frames = list(
            watch_live(
                latest, detector=FaceDetector(find_detector()), classifier=classifier, real_below=0.4, fake_from=0.6
            )
        )

    assert frames
    assert [frame.t_s for frame in frames] == sorted(frame.t_s for frame in frames)
    seen = [frame for frame in frames if frame.faces]
    assert seen
    assert seen[-1].verdict in ("fake", "uncertain", "real")
    picture = cv2.imdecode(np.frombuffer(seen[-1].jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (480, 480, 3)


def test_what_shows_nothing_says_why(tmp_path: Path) -> None:
    """A file that is no video ends at once, with what ffmpeg said of it."""
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")

    found = pytest.raises(UnreadableVideoError, match=r"no picture came from .*broken\.mp4: .*Invalid data")
    with LatestFrame(named_source(str(broken)), ffmpeg=find_ffmpeg()) as latest, found:
        latest.take()


@pytest.mark.parametrize("wanted", ["concat://a|b", "file:///etc/passwd", "subfile://x", "gopher://host/x"])
def test_addresses_of_other_kinds_are_refused(wanted: str) -> None:
    """Only the four kinds that the help names are opened."""
    with pytest.raises(UnreadableVideoError, match="is not opened: name one of rtsp://"):
        named_source(wanted)


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    """A camera or a file that is not there is told by its name."""
    with pytest.raises(UnreadableVideoError, match="/dev/video63"):
        camera_source(63)
    with pytest.raises(UnreadableVideoError, match="there is no file"):
        named_source(str(tmp_path / "gone.mp4"))


def test_the_page_is_for_this_machine_alone() -> None:
    """The page and the stream answer by this machine's names; by another, nothing is shown."""
    with served(0) as (screen, url):
        page = requests.get(url, timeout=30)
        stream = requests.get(f"{url}stream", stream=True, timeout=30)
        threading.Timer(0.2, screen.show, [b"picture"]).start()
        head = [stream.raw.readline() for _ in range(4)]
        content = stream.raw.read(7)
        foreign = requests.get(url, headers={"Host": "evil.example"}, timeout=30)

    assert 'src="/stream"' in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert head[:2] == [b"--picture\r\n", b"Content-Type: image/jpeg\r\n"]
    assert content == b"picture"
    assert foreign.status_code == 421


def test_a_line_says_what_is_seen() -> None:
    """Time, faces, scores, verdict, pace and what was dropped; nothing is a number where there is no face."""
    seen = LiveFrame(b"", 62.4, 2, 0.91, 0.8, "fake", 4.25, 17)
    nobody = LiveFrame(b"", 1.0, 0, None, None, None, 0.0, 0)

    assert live_line(seen) == "1:02.40  2 faces  score 0.910  of late 0.800 fake  4.2 a second  17 dropped"
    assert live_line(nobody) == "0:01.00  0 faces  score –  of late –  0.0 a second  0 dropped"
