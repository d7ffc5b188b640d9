"""`fakesweep scan` on a directory of good, broken and hostile files."""

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.drawing import AV1, VP9, X265_10, cut_off, draw_picture, draw_sound, draw_video
from tests.end_to_end.face_clips import draw_face_video
from tests.end_to_end.installation import Installation

pytestmark = pytest.mark.slow

HOSTILE_NAMES = (
    b"-rf.mp4",
    b"--json.mp4",
    b"two\nlines.mp4",
    b"\x1b[31mred\x1b[0m.mp4",
    b"not-utf8-\xff\xfe.mp4",
    "smile 👩‍👧.mp4".encode(),
    b"=HYPERLINK(1).mp4",
    b"[bold]markup.mp4",
    b"100%s {braces} $HOME `id`.mp4",
)

# What becomes of each file of the directory: its state, and its reason where it has one.
EXPECTED = {
    "face-h264.mp4": ("judged", None),
    "face-hevc.mkv": ("judged", None),
    "face-vp9.webm": ("judged", None),
    "face-av1.mp4": ("judged", None),
    "truncated.mkv": ("judged", None),
    "nobody.mp4": ("no_face", None),
    "text.mp4": ("unreadable", "not_a_video"),
    "empty.mp4": ("unreadable", "empty"),
    "sound.mp4": ("unreadable", "audio_only"),
    "picture.mp4": ("unreadable", "is_picture"),
    "fifo.mp4": ("unreadable", "special_file"),
    "loop": ("unreadable", "symlink_loop"),
    "gone.mp4": ("unreadable", "missing"),
}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one of each kind."""
    folder = tmp_path_factory.mktemp("mixed videos")
    draw_face_video(folder / "face-h264.mp4")
    draw_face_video(folder / "face-hevc.mkv", start=10, arguments=X265_10)
    draw_face_video(folder / "face-vp9.webm", start=20, arguments=VP9)
    draw_face_video(folder / "face-av1.mp4", start=30, arguments=AV1)
    whole = draw_face_video(folder / "whole.mkv", start=40, seconds=4.0)
    cut_off(whole, folder / "truncated.mkv", share=0.6)
    whole.unlink()
    draw_video(folder / "nobody.mp4")
    (folder / "text.mp4").write_text("This is no video.\n" * 100)
    (folder / "empty.mp4").touch()
    draw_sound(folder / "sound.mp4")
    draw_picture(folder / "picture.mp4", codec="mjpeg")
    os.mkfifo(folder / "fifo.mp4")
    (folder / "loop").symlink_to("loop")
    (folder / "gone.mp4").symlink_to("nowhere.mp4")
    (folder / "notes.txt").write_text("ignored")
    return folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which one video has many dangerous names."""
    folder = tmp_path_factory.mktemp("hostile")
    clip = draw_face_video(folder / "plain.mp4", seconds=1.0)
    for name in HOSTILE_NAMES:
        shutil.copyfile(clip, os.fsencode(folder) + b"/" + name)
    return folder


def check_sums(report: dict[str, Any]) -> None:
    """`submitted` is the sum of the counts and the number of videos, and the verdicts are those of the judged."""
    batch = report["batch"]
    assert batch["submitted"] == sum(batch["counts"].values()) == len(report["videos"])
    assert sum(batch["verdicts"].values()) == batch["counts"]["judged"]


def test_every_file_is_accounted_for(installation: Installation, mixed: Path, tmp_path: Path) -> None:
    """Each file has its own state and reason, the three reports agree, and a second run judges nothing."""
    outputs = ["--json", tmp_path / "first.json", "--csv", tmp_path / "first.csv"]
    first = installation.run("scan", mixed, *outputs)
    report = json.loads((tmp_path / "first.json").read_text())
    rows = list(csv.DictReader((tmp_path / "first.csv").open(newline="")))
    log_before = (installation.home / "worker.log").read_bytes()
    second = installation.run("scan", mixed, "--json", tmp_path / "second.json")
    again = json.loads((tmp_path / "second.json").read_text())

    assert first.returncode == 3, first.stderr
    check_sums(report)
    assert {Path(video["path"]).name: (video["state"], video["reason"]) for video in report["videos"]} == EXPECTED
    assert report["batch"]["ignored"] == 1
    agreed = [(video["path"], video["state"], video["verdict"] or "") for video in report["videos"]]
    assert [(row["path"], row["state"], row["verdict"]) for row in rows] == agreed
    assert all(path in first.stdout for path, _, _ in agreed)
    truncated = next(video for video in report["videos"] if video["path"].endswith("truncated.mkv"))
    assert truncated["warnings"] == ["truncated"]
    assert second.returncode == 3
    assert [video["score"] for video in again["videos"]] == [video["score"] for video in report["videos"]]
    assert all(video["reused"] for video in again["videos"] if video["sha256"])
    assert (installation.home / "worker.log").read_bytes() == log_before


def test_hostile_names(installation: Installation, hostile: Path, tmp_path: Path) -> None:
    """Any name is judged, told exactly, and does nothing to the terminal, the shell or the spreadsheet."""
    result = installation.run("scan", ".", "--json", "-", "--csv", tmp_path / "names.csv", cwd=hostile)
    table = installation.run("report")
    report = json.loads(result.stdout)

    assert result.returncode == 0, result.stderr
    check_sums(report)
    assert report["batch"]["submitted"] == len(HOSTILE_NAMES) + 1
    assert sum(not video["reused"] for video in report["videos"]) == 1
    assert "\x1b" not in table.stdout + result.stderr + (tmp_path / "names.csv").read_text()
    assert "two\\nlines.mp4" in table.stdout
    assert "[bold]markup.mp4" in table.stdout
    assert "not-utf8-\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}.mp4" in table.stdout


def test_a_name_with_a_leading_dash(installation: Installation, hostile: Path) -> None:
    """After `--`, a name that looks like an option is a name."""
    result = installation.run("scan", "--", "-rf.mp4", "--json.mp4", cwd=hostile)

    assert result.returncode == 0, result.stderr
    assert "2 files: 2 judged" in result.stdout


def test_show_and_status_after_a_scan(installation: Installation, mixed: Path) -> None:
    """What was judged can be looked at again, frame by frame, without judging."""
    installation.run("scan", mixed / "face-h264.mp4", "--preset", "fast")

    page = installation.run("show", mixed / "face-h264.mp4")
    status = installation.status()

    assert page.returncode == 0, page.stderr
    assert "h264 480x480" in page.stdout
    assert status["batch"]["counts"]["judged"] == 1
    assert status["options"]["preset"] == "fast"


def test_another_preset_is_another_scan(installation: Installation, mixed: Path) -> None:
    """A verdict is reused for the same options alone; `--force` judges again all the same."""
    clip = mixed / "face-h264.mp4"

    reused = [
        json.loads(installation.run("scan", clip, "--json", "-", *options).stdout)["videos"][0]["reused"]
        for options in ([], [], ["--preset", "fast"], ["--force"])
    ]

    assert reused == [False, True, False, False]
