"""The sources that `serve --live` names, and what of them strangers read."""

from pathlib import Path

import click
import pytest

from cli.live_sources import named_sources, public_name, without_secrets
from worker.pipeline.errors import UnreadableVideoError

CAMERA = "rtsp://user:pass@192.0.2.7/stream?key=abc"


def test_a_name_goes_before_the_source(tmp_path: Path) -> None:
    """`NAME=SOURCE`, or the source alone, whose own signs of equality name nothing."""
    clip = tmp_path / "a=b.mp4"
    clip.touch()

    found = named_sources([f"Front door={CAMERA}", CAMERA, str(clip)])

    assert [(one.name, one.source) for one in found] == [
        ("Front door", CAMERA),
        ("rtsp://192.0.2.7/stream", CAMERA),
        ("a=b.mp4", str(clip)),
    ]
    assert "pass" not in repr(found)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("0", "camera 0"),
        ("https://me:p%40ss@cam.example/live.m3u8?token=1#x", "https://cam.example/live.m3u8"),
        ("rtsp://cam.example/a@b", "rtsp://cam.example/a@b"),
        ("/home/somebody/clip.mp4", "clip.mp4"),
    ],
)
def test_a_name_tells_no_secret(source: str, name: str) -> None:
    """Neither who may see a camera, nor by which key, nor where on the disk a file lies."""
    assert public_name(source) == name


def test_what_ffmpeg_says_of_an_address_tells_no_secret() -> None:
    """An address may come whole, or in another form."""
    said = f"no picture came from {CAMERA}: [rtsp @ 0x1] rtsp://user:pass@192.0.2.7:554/stream: refused"

    told = without_secrets(said, CAMERA)

    assert told == "no picture came from rtsp://192.0.2.7/stream: [rtsp @ 0x1] rtsp://192.0.2.7:554/stream: refused"


@pytest.mark.parametrize("wanted", ["gopher://host/x", "Door=concat://a|b", "gone.mp4", "63"])
def test_what_cannot_be_opened_is_refused_at_the_start(wanted: str) -> None:
    """An address of another kind, a file or a camera that is not there."""
    with pytest.raises(UnreadableVideoError):
        named_sources([wanted])


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    """People choose by the name."""
    clip = tmp_path / "clip.mp4"
    clip.touch()

    with pytest.raises(click.ClickException, match="two live sources are called 'Hall'"):
        named_sources([f"Hall={clip}", f"Hall={clip}"])
