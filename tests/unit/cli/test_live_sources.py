"""The sources that `serve --live` names, and what of them strangers read."""

import json
import os
import subprocess
import sys
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


@pytest.mark.parametrize(
    ("said", "source", "told"),
    [
        ("camera 0: 10 of 100 pictures in 0.5 s", "0", "camera 0: 10 of 100 pictures in 0.5 s"),
        (
            "moved to 'https://me:pw@b.example/x?token=1&u=a:b': refused, see https://c.example/y#key=2.",
            "https://a.example/",
            "moved to 'https://b.example/x': refused, see https://c.example/y.",
        ),
        ("https://b.example/x?token=1: refused", "0", "https://b.example/x: refused"),
        ("/home/me/clip.mp4 is no video", "/home/me/clip.mp4", "clip.mp4 is no video"),
    ],
)
def test_no_address_in_a_message_tells_a_secret(said: str, source: str, told: str) -> None:
    """Nor is a figure taken for the number of a camera."""
    assert without_secrets(said, source) == told


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("FAKESWEEP_DATABASE_URL", "postgresql+psycopg://nobody:secret@/nothing?host=/nowhere", "database"),
        ("FAKESWEEP_PRECISION", "int3", "FAKESWEEP_PRECISION"),
    ],
)
def test_the_helper_says_what_is_not_well(tmp_path: Path, setting: str, value: str, told: str) -> None:
    """A database or a setting that cannot be used is one line for whoever watches, and no traceback."""
    clip = tmp_path / "clip.mp4"
    clip.touch()
    environ = {**os.environ, "FAKESWEEP_HOME": str(tmp_path / "home"), setting: value}
    environ.pop("FAKESWEEP_CLASSIFIER", None)

    with subprocess.Popen(
        [sys.executable, "-P", "-m", "cli.live_helper"],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as helper:
        assert helper.stdin is not None
        assert helper.stdout is not None
        assert helper.stderr is not None
        helper.stdin.write(json.dumps({"source": str(clip)}).encode() + b"\n")
        helper.stdin.flush()
        answer, errors = helper.stdout.readline(), helper.stderr.read()

    assert told in json.loads(answer)["ended"]
    assert "secret" not in json.loads(answer)["ended"]
    assert b"Traceback" not in errors


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
