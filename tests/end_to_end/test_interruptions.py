"""Kills and Ctrl-C, in the middle of a batch: nothing is lost, nothing is left running, each video is judged once."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.face_clips import draw_many_face_videos
from tests.end_to_end.installation import Installation, kill_with_children, stop
from tests.services import wait_until

pytestmark = pytest.mark.slow

COUNT = 20


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough videos that something can happen in the middle."""
    folder = tmp_path_factory.mktemp("clips")
    draw_many_face_videos(folder, COUNT, seconds=8.0)
    return folder


def wait_until_some_are_judged(installation: Installation, *, least: int = 2) -> None:
    """Waits for the middle of the batch; one that is over already fails the test."""
    wait_until(lambda: installation.counts().get("judged", 0) >= least, timeout_s=120, what="the first verdicts")
    assert installation.counts()["judged"] < COUNT, "the batch was over before anything could happen"


def check_judged_once(report: dict[str, Any]) -> None:
    """Every video has a verdict, by one scan."""
    assert report["batch"]["counts"]["judged"] == report["batch"]["submitted"] == len(report["videos"]) == COUNT
    assert len({video["sha256"] for video in report["videos"]}) == COUNT


def report_of(installation: Installation, batch: str | None = None) -> dict[str, Any]:
    """The report of a batch, the latest if not said."""
    answer = installation.run("report", *([batch] if batch else []), "--format", "json")
    report: dict[str, Any] = json.loads(answer.stdout)
    return report


def test_ctrl_c_and_on(installation: Installation, clips: Path, tmp_path: Path) -> None:
    """Ctrl-C ends with 130 and a hint, leaves nothing running, and the same command goes on."""
    scan = installation.start("scan", clips, log=tmp_path / "log")
    wait_until_some_are_judged(installation)
    status = stop(scan, signal.SIGINT)
    installation.wait_until_nothing_runs()
    judged_before = installation.counts()["judged"]
    again = installation.run("scan", clips)

    assert status == 130
    assert "the same command goes on" in (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert 0 < judged_before < COUNT
    assert again.returncode == 0, again.stderr
    check_judged_once(report_of(installation))
    assert sum(video["reused"] for video in report_of(installation)["videos"]) == COUNT


def test_a_killed_scan_and_on(installation: Installation, clips: Path, tmp_path: Path) -> None:
    """SIGKILL of `scan` leaves nothing running, and the same command goes on."""
    scan = installation.start("scan", clips, log=tmp_path / "log")
    wait_until_some_are_judged(installation)
    stop(scan, signal.SIGKILL)
    installation.wait_until_nothing_runs()
    finished = {video["sha256"]: video["finished_at"] for video in report_of(installation)["videos"]}
    again = installation.run("scan", clips)
    report = report_of(installation)

    assert again.returncode == 0, again.stderr
    check_judged_once(report)
    kept = [video for video in report["videos"] if finished.get(video["sha256"])]
    assert kept
    assert all(video["finished_at"] == finished[video["sha256"]] for video in kept)


def test_a_killed_worker_with_a_scheduler(installation: Installation, clips: Path, tmp_path: Path) -> None:
    """With `scheduler` running, a killed worker's videos are judged by the next one, each once."""
    scheduler = installation.start("scheduler", log=tmp_path / "scheduler.log")
    first = installation.start("worker", "--concurrency", "2", log=tmp_path / "first.log")
    try:
        submitted = installation.run("submit", clips, "--batch", "killed", "--json", "-")
        wait_until_some_are_judged(installation)
        kill_with_children(first)
        second = installation.start("worker", "--concurrency", "2", log=tmp_path / "second.log")
        try:
            watched = installation.run("watch", "killed")
        finally:
            stop(second)
    finally:
        stop(scheduler)
    report = report_of(installation, "killed")

    assert json.loads(submitted.stdout)["batch"]["new_scans"] == COUNT
    assert watched.returncode == 0, watched.stderr
    check_judged_once(report)
    assert all(video["worker"] for video in report["videos"])
    assert len({video["worker"] for video in report["videos"]}) == 2


def test_a_worker_may_be_the_first_to_come(installation: Installation, clips: Path, tmp_path: Path) -> None:
    """On a fresh installation a worker makes the embedded database itself, and judges what comes later."""
    worker = installation.start("worker", "--concurrency", "1", log=tmp_path / "worker.log")
    try:
        wait_until(lambda: "is ready" in (tmp_path / "worker.log").read_text(), what="the worker")
        watched = installation.run("submit", clips / "clip-000.mp4", "--watch")
    finally:
        stop(worker)

    assert watched.returncode == 0, watched.stderr


def test_a_killed_process_of_the_pool(installation: Installation, clips: Path, tmp_path: Path) -> None:
    """SIGKILL of a process that judges costs its video an attempt and no other video anything."""
    scan = installation.start("scan", clips, "--json", tmp_path / "report.json", log=tmp_path / "log")
    wait_until_some_are_judged(installation, least=1)
    worker = next(process for process in installation.processes() if "worker.local" in process.cmdline())
    worker.children()[0].kill()
    status = scan.wait(240)

    assert status == 0, (tmp_path / "log").read_text()
    check_judged_once(json.loads((tmp_path / "report.json").read_text()))


def test_submit_and_watch_has_the_status_of_scan(installation: Installation, clips: Path, tmp_path: Path) -> None:
    """`submit --watch` follows workers that run elsewhere and ends with the status of `scan`."""
    worker = installation.start("worker", "--concurrency", "2", log=tmp_path / "worker.log")
    try:
        good = installation.run("submit", clips / "clip-000.mp4", "--watch", "--json", "-")
        bad = installation.run("submit", clips / "clip-000.mp4", clips / "gone.mp4", "--watch")
    finally:
        stop(worker)

    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["batch"]["counts"]["judged"] == 1
    assert bad.returncode == 3
