"""A file that points at another file or address reads nothing: no playlist, manifest, script or picture is followed."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drawing import X264, draw_video, ffmpeg_binary
from tests.hostile_files import POINTERS, point_elsewhere
from tests.unit.worker.pipeline.hostile.judging import look_at
from tests.unit.worker.pipeline.test_sandbox import listening

EXTENSIONS = ["mp4", "mkv", "avi", "ts", "mov", "m3u8"]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A film that is none of the worker's business: whoever shows a picture of it has read it."""
    return draw_video(tmp_path / "private.ts", seconds=1.0)


@pytest.fixture
def server() -> Iterator[tuple[str, list[object]]]:
    """An address of this machine, and who came by."""
    with listening() as (port, visitors):
        yield f"http://127.0.0.1:{port}/private.ts", visitors


def _control(path: Path) -> None:
    """What a careless program does with the file: ffmpeg with all that it can do."""
    protocols = ["-protocol_whitelist", "file,http,tcp,crypto,data", "-allowed_extensions", "ALL"]
    command = [ffmpeg_binary(), "-nostdin", "-v", "error", "-f", "hls", *protocols, "-i", path, "-f", "null", "-"]
    subprocess.run(command, capture_output=True, timeout=60, check=False)


def test_the_trap_works(server: tuple[str, list[object]], tmp_path: Path) -> None:
    """A careless program does follow such a playlist: silence below means that ours is not one."""
    address, visitors = server
    path = tmp_path / "renamed.m3u8"
    path.write_text(POINTERS["hls"](address))

    _control(path)

    assert visitors


@pytest.mark.parametrize("kind", sorted(POINTERS))
def test_pointing_text_reaches_no_address(kind: str, server: tuple[str, list[object]], tmp_path: Path) -> None:
    """Whatever the text is and whatever it is called, the server that it points at is asked for nothing."""
    address, visitors = server
    for extension in EXTENSIONS:
        path = tmp_path / f"renamed.{extension}"
        path.write_text(POINTERS[kind](address))

        assert look_at(path, frames=1).reason == "not_a_video"

    assert visitors == []


@pytest.mark.parametrize("kind", sorted(POINTERS))
@pytest.mark.parametrize("form", ["{path}", "file://{path}", "file:{path}", "{name}"])
def test_pointing_text_reads_no_file(kind: str, form: str, film: Path, tmp_path: Path) -> None:
    """Whatever the text is and however it names the film, no picture of the film comes out."""
    path = tmp_path / "renamed.mp4"
    path.write_text(POINTERS[kind](form.format(path=film, name=film.name)))

    assert look_at(path, frames=1).reason == "not_a_video"


@pytest.mark.parametrize("address", ["{film}", "file://{film}", "{server}"])
def test_video_whose_pictures_lie_elsewhere_reads_nothing(
    address: str, film: Path, server: tuple[str, list[object]], tmp_path: Path
) -> None:
    """A QuickTime file may say that its pictures lie in another one: they are not fetched."""
    url, visitors = server
    whole = draw_video(tmp_path / "whole.mp4", seconds=1.0, arguments=X264)
    path = tmp_path / "elsewhere.mp4"
    path.write_bytes(point_elsewhere(whole.read_bytes(), address.format(film=film, server=url)))

    end = look_at(path, frames=1)

    # What it holds itself may be shown; it is a picture of this file.
    assert end.reason in ("decoded", "no_frames", "not_a_video")
    assert visitors == []


def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    """The refusal of a text quotes none of it but eight bytes, and nothing of the file that it points at."""
    secret = tmp_path / "secret.txt"
    secret.write_text("correct horse battery staple")
    path = tmp_path / "renamed.mp4"
    path.write_text(POINTERS["concat"](str(secret)))

    refusal = look_at(path).refusal

    assert refusal is not None
    assert "horse" not in str(refusal)
    assert os.fspath(secret) not in str(refusal)
