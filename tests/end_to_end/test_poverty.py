"""A machine that runs out of something gets a word, not a crash, and the scan goes on when it is there again."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.face_clips import draw_many_face_videos
from tests.end_to_end.installation import PROGRAM, Installation
from tests.services import wait_until
from tests.small_disks import run_driver

pytestmark = pytest.mark.drill

NOBODY = 65534

# Sets a limit, then becomes the command.
LIMITED = "import os, resource, sys; n = int(sys.argv[2]); resource.setrlimit(getattr(resource, sys.argv[1]), (n, n)); "
LIMITED += "os.execv(sys.argv[3], sys.argv[3:])"


def _limited(installation: Installation, limit: str, value: int, clip: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", LIMITED, limit, str(value), PROGRAM, "scan", clip],
        env=installation.environ | {"FAKESWEEP_MAX_ATTEMPTS": "1", "FAKESWEEP_CONCURRENCY": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def acts_on_small_disk(part: str, installation: Installation, tmp_path: Path) -> dict[str, Any]:
    """What a driver saw that scans twelve clips while a small disk of its own is full."""
    clips, small = tmp_path / "clips", tmp_path / "small"
    clips.mkdir()
    small.mkdir()
    draw_many_face_videos(clips, 12)
    environment = installation.environ | {"FAKESWEEP_CONCURRENCY": "1"}
    driver = "tests.end_to_end.on_small_disk"
    return run_driver(driver, part, small, PROGRAM, clips, environment=environment, timeout_s=560)


@pytest.mark.timeout(600)
def test_a_full_disk_is_said_and_waited_for(installation: Installation, tmp_path: Path) -> None:
    """Full from the start is an error with the next step; full in the middle is a wait, and nothing is lost by it."""
    seen = acts_on_small_disk("home", installation, tmp_path)
    assert seen["full"]["status"] == 1
    assert "no disk space left: free some" in seen["full"]["said"]
    assert "Traceback" not in seen["full"]["said"] + seen["filling"]["said"]
    assert seen["filling"]["was_alive"]
    assert seen["filling"]["status"] == 0
    assert seen["filling"]["states"] == ["judged"] * 12


@pytest.mark.timeout(600)
def test_a_full_tmpdir_is_said_or_waited_for(installation: Installation, tmp_path: Path) -> None:
    """Whoever needs it says so and goes on when there is room; the notes of workers stop nothing."""
    seen = acts_on_small_disk("tmp", installation, tmp_path)
    assert "Traceback" not in "".join(act["said"] for act in seen.values())
    assert "Traceback" not in (installation.home / "worker.log").read_text()
    assert seen["full"]["status"] == 0 or "TMPDIR" in seen["full"]["said"], seen["full"]
    assert seen["filling"]["status"] == 0, seen["filling"]["said"]
    assert seen["filling"]["states"] == ["judged"] * 12


@pytest.mark.parametrize("count", [24, 44])
def test_no_file_descriptors(count: int, installation: Installation, tmp_path: Path) -> None:
    """Too few of them end the scan with a message that names them and the next step, and no traceback."""
    (clip,) = draw_many_face_videos(tmp_path, 1)

    done = _limited(installation, "RLIMIT_NOFILE", count, clip)

    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "Error: " in done.stderr
    assert "raise the limit" in done.stderr
    assert "`ulimit -n`, or LimitNOFILE= of the service" in done.stderr


def test_just_enough_file_descriptors(installation: Installation, tmp_path: Path) -> None:
    """What is asked for is enough: one less is refused, and with as many the video is judged."""
    (clip,) = draw_many_face_videos(tmp_path, 1)

    refused = _limited(installation, "RLIMIT_NOFILE", 71, clip)
    done = _limited(installation, "RLIMIT_NOFILE", 72, clip)

    assert (refused.returncode, done.returncode) == (1, 0), done.stderr
    assert "needs 72 file descriptors, and may have 71" in refused.stderr


@pytest.mark.parametrize("count", [600_000_000])
def test_no_memory(count: int, installation: Installation, tmp_path: Path) -> None:
    """A worker without memory loses no video and makes up no verdict: it is not judged, and says why."""
    (clip,) = draw_many_face_videos(tmp_path, 1)

    done = _limited(installation, "RLIMIT_DATA", count, clip)

    assert done.returncode in (0, 1, 3), done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    if done.returncode == 3:
        (video,) = json.loads(installation.run("report", "--format", "json").stdout)["videos"]
        assert (video["state"], video["score"]) in (("failed", None), ("quarantined", None))
        assert video["reason"] in ("memory_limit", "worker_lost", "internal_error", "classifier_unavailable")


def test_permission_lost_in_the_middle(installation: Installation, tmp_path: Path) -> None:
    """Who may no longer read the videos gets a reason for each that is left, and keeps what is judged."""
    clips, log, report = tmp_path / "clips", tmp_path / "log", tmp_path / "report.json"
    clips.mkdir()
    draw_many_face_videos(clips, 12)
    as_others: list[str] = []
    if os.geteuid() == 0:
        # Root gives up the right to pass over permissions, and the videos are somebody else's.
        as_others = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
        for path in (clips, *clips.iterdir()):
            os.chown(path, NOBODY, NOBODY)
    with log.open("wb") as output:
        scan = subprocess.Popen(
            [*as_others, PROGRAM, "scan", "--json", report, clips],
            env=installation.environ | {"FAKESWEEP_CONCURRENCY": "1"},
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: installation.counts().get("judged", 0) > 0, timeout_s=200, what="a first verdict")
        clips.chmod(0)
        status = scan.wait(200)
    finally:
        clips.chmod(0o755)
        scan.kill()
        scan.wait()

    videos = json.loads(report.read_text())["videos"]
    assert status == 3, log.read_text()
    assert len(videos) == 12
    assert {(video["state"], video["reason"]) for video in videos} == {
        ("judged", None),
        ("unreadable", "permission_denied"),
    }
    assert "Traceback" not in log.read_text()
