"""A hardware decoder that is set and not there: judged as ever, and said in the log."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.end_to_end.face_clips import draw_face_video
from tests.end_to_end.installation import Installation

pytestmark = pytest.mark.slow

WARNING = "the hardware decoder cuda cannot be opened here"


@pytest.fixture
def with_vaapi_alone(tmp_path: Path) -> Path:
    """What an ffmpeg answers that was built with one method."""
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.write_text('#!/bin/sh\nprintf "Hardware acceleration methods:\\nvaapi\\n"\n')
    ffmpeg.chmod(0o755)
    return ffmpeg


def test_a_missing_device_changes_no_verdict(installation: Installation, tmp_path: Path) -> None:
    """The score is that of software, the video carries no warning, and the log says once what is wrong."""
    video = draw_face_video(tmp_path / "face.mp4")
    installation.settings["CONCURRENCY"] = "1"
    expected = installation.run("scan", video, "--json", "-")
    by_hardware = replace(installation, home=tmp_path / "other", settings={**installation.settings, "HWACCEL": "cuda"})

    result = by_hardware.run("scan", video, "--json", "-")
    by_hardware.wait_until_nothing_runs()

    assert result.returncode == expected.returncode == 0, result.stderr
    (found,), (wanted,) = (json.loads(answer.stdout)["videos"] for answer in (result, expected))
    assert found["state"] == "judged"
    assert [found[key] for key in ("score", "verdict", "warnings", "frames_sampled")] == [
        wanted[key] for key in ("score", "verdict", "warnings", "frames_sampled")
    ]
    assert "".join(path.read_text() for path in by_hardware.home.rglob("worker.log")).count(WARNING) == 1


@pytest.mark.parametrize("command", ["scan", "worker"])
def test_a_method_that_ffmpeg_lacks_is_refused_before_any_video(
    installation: Installation, with_vaapi_alone: Path, tmp_path: Path, command: str
) -> None:
    """Neither a scan nor a worker of a cluster goes on in software without a word."""
    broken = replace(
        installation, settings={**installation.settings, "HWACCEL": "cuda", "FFMPEG": str(with_vaapi_alone)}
    )
    (tmp_path / "clip.mp4").write_text("no video")

    result = broken.run(command, *([tmp_path / "clip.mp4"] if command == "scan" else []))

    assert result.returncode == 1, result.stderr
    assert "FAKESWEEP_HWACCEL is 'cuda'" in result.stderr
    assert "it has vaapi" in result.stderr
    assert "Traceback" not in result.stderr
