"""A running worker judges with whatever classifier a submission names: no restart, on a real broker."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.bundles import build_bundle
from tests.end_to_end.face_clips import draw_many_face_videos
from tests.end_to_end.face_pictures import write_tinted_faces
from tests.end_to_end.installation import Installation, stop
from tests.services import PostgresServer, ValkeyServer, wait_until

pytestmark = pytest.mark.slow

NAMES = ("face", "mean", "top-k", "confident", "max-track", "image")
# The same network with another calibration: its scores tell who judged, and it is hardly worse.
COLDER = {name: {"slope": 1.0, "intercept": -0.01} for name in NAMES}
# As good a ranking, but nothing is called fake any more.
SILENT = {name: {"slope": 1.0, "intercept": -15.0} for name in NAMES}


@pytest.fixture
def cluster(installation: Installation, postgres: PostgresServer, valkey: ValkeyServer) -> Iterator[Installation]:
    """An installation on servers, whose classifier is the active one."""
    database_url = postgres.create_database()
    made = replace(installation, bundle=None)
    made.settings |= {"DATABASE_URL": database_url, "BROKER_URL": valkey.url}
    yield made
    made.wait_until_nothing_runs()
    postgres.drop_database(database_url)


def judged(installation: Installation, *arguments: str | Path) -> dict[str, Any]:
    """The report of a submission that running workers have judged."""
    result = installation.run("submit", *arguments, "--preset", "fast", "--watch", "--json", "-")
    assert result.returncode == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_a_running_worker_takes_up_what_was_activated(cluster: Installation, bundle: Path, tmp_path: Path) -> None:
    """What the gate lets through is judged with by the same processes, and after a rollback the one before is."""
    folder = tmp_path / "clips"
    folder.mkdir()
    clips = draw_many_face_videos(folder, 3, seconds=1.0)
    newer = build_bundle(tmp_path / "newer", version="2", calibration=COLDER)
    cluster.run("db", "upgrade")
    cluster.run("classifiers", "import", bundle, "--activate", "--force")
    cluster.run("classifiers", "freeze", write_tinted_faces(tmp_path / "examination", 10))
    silent = build_bundle(tmp_path / "silent", version="silent", calibration=SILENT)
    refused = cluster.run("classifiers", "import", silent, "--activate")
    worker = cluster.start("worker", "--concurrency", "1", log=tmp_path / "worker.log")
    scheduler = cluster.start("scheduler", log=tmp_path / "scheduler.log")
    try:
        before = judged(cluster, clips[0])
        wait_until(lambda: len(psutil.Process(worker.pid).children()) > 0, what="the worker's pool")
        pool = {child.pid for child in psutil.Process(worker.pid).children()}
        activated = cluster.run("classifiers", "import", newer, "--activate")
        after = judged(cluster, clips[1])
        outdated = judged(cluster, folder, "--outdated")
        cluster.run("classifiers", "rollback")
        back = judged(cluster, clips[2])
        pool_afterwards = {child.pid for child in psutil.Process(worker.pid).children()}
        is_running = worker.poll() is None
    finally:
        ends = [stop(process) for process in (scheduler, worker)]

    assert refused.returncode == 1
    assert "worse" in refused.stdout, refused.stderr
    assert activated.returncode == 0, activated.stderr
    assert [report["classifier"]["version"] for report in (before, after, outdated, back)] == ["1", "2", "2", "1"]
    assert after["classifier"]["sha256"] != before["classifier"]["sha256"] == back["classifier"]["sha256"]
    # The clips show the same face: another score is another classifier's.
    scores = [report["videos"][0]["score"] for report in (before, after, outdated, back)]
    assert scores[0] == scores[3] != scores[1] == scores[2]
    assert len({report["videos"][0]["worker"] for report in (before, after, outdated, back)}) == 1
    # Of three clips, one had been judged by the older classifier alone, and one never.
    assert [Path(video["path"]).name for video in outdated["videos"]] == [clips[0].name]
    assert outdated["batch"]["ignored"] == 2
    assert is_running
    assert pool_afterwards == pool
    assert ends == [0, 0]


def test_flips_are_shown_before_anything_is_activated(installation: Installation, bundle: Path, tmp_path: Path) -> None:
    """`classifiers compare` judges what one of both never judged, stores nothing, and tells what would flip."""
    ours = replace(installation, bundle=None)
    folder = tmp_path / "clips"
    folder.mkdir()
    clips = draw_many_face_videos(folder, 2, seconds=1.0)
    mild = {"real_below": 1.0, "fake_from": 1.0, "false_positive_rates": {}, "real_examples": 0, "note": "made up"}
    newer = build_bundle(tmp_path / "newer", version="mild", thresholds=dict.fromkeys(NAMES[1:], mild))
    ours.run("classifiers", "import", bundle, "--activate", "--force")
    ours.run("classifiers", "import", newer)
    scanned = json.loads(ours.run("scan", folder, "--preset", "fast", "--json", "-").stdout)
    ours.run("review", clips[0], "--label", "real")
    clips[1].unlink()

    compared = ours.run("classifiers", "compare", "1", "mild", "--json", tmp_path / "flips.json")
    stored = ours.run("classifiers", "compare", "1", "mild", "--stored", "--json", "-")
    told = json.loads((tmp_path / "flips.json").read_text())

    assert scanned["videos"][0]["verdict"] == "fake"
    assert compared.returncode == 0, compared.stderr
    assert told["counts"] == {"compared": 1, "flips": 1, "left_out": 1}
    assert told["matrix"] == {"fake": {"fake": 0, "real": 1}, "real": {"fake": 0, "real": 0}}
    assert told["reviewed"] == {"videos": 1, "a_is_right": 0, "b_is_right": 1}
    (video,) = told["videos"]
    assert Path(video["path"]).name == clips[0].name
    assert (video["a"]["is_stored"], video["b"]["is_stored"]) == (True, False)
    # The same network saw the same frames.
    assert video["b"]["score"] == pytest.approx(video["a"]["score"], abs=1e-4)
    assert "1 of 1 verdicts would flip; 1 left out." in compared.stdout
    assert json.loads(stored.stdout)["counts"] == {"compared": 0, "flips": 0, "left_out": 2}
