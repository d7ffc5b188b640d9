"""The same on PostgreSQL and a separate broker, with a scheduler and two workers started by hand."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.face_clips import draw_many_face_videos
from tests.end_to_end.installation import Installation, stop
from tests.services import PostgresServer, ValkeyServer

pytestmark = pytest.mark.slow

COUNT = 8


@pytest.fixture
def cluster(
    installation: Installation, postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path
) -> Iterator[Installation]:
    """An installation that uses servers."""
    database_url = postgres.create_database()
    installation.settings |= {"DATABASE_URL": database_url, "BROKER_URL": valkey.url}
    yield installation
    installation.wait_until_nothing_runs()
    postgres.drop_database(database_url)


def test_two_workers_share_a_batch(cluster: Installation, tmp_path: Path) -> None:
    """After `db upgrade`, two workers judge what was submitted, each video once, and `report` tells it."""
    (tmp_path / "clips").mkdir()
    draw_many_face_videos(tmp_path / "clips", COUNT, seconds=4.0)
    too_early = cluster.run("submit", tmp_path / "clips")
    upgraded = cluster.run("db", "upgrade")
    background = [
        cluster.start("scheduler", log=tmp_path / "scheduler.log"),
        cluster.start("worker", "--concurrency", "1", log=tmp_path / "one.log"),
        cluster.start("worker", "--concurrency", "1", log=tmp_path / "two.log"),
    ]
    try:
        done = cluster.run("submit", tmp_path / "clips", "--watch", "--json", "-")
        again = cluster.run("scan", tmp_path / "clips", "--workers", "0")
        doctor = cluster.run("doctor")
    finally:
        ends = [stop(process) for process in background]

    assert too_early.returncode == 1
    assert "fakesweep db upgrade" in too_early.stderr
    assert upgraded.returncode == 0
    assert done.returncode == 0, done.stderr
    videos = json.loads(done.stdout)["videos"]
    assert [(video["state"], video["attempts"]) for video in videos] == [("judged", 1)] * COUNT
    assert len({video["worker"] for video in videos}) == 2
    assert again.returncode == 0, again.stderr
    assert f"{COUNT} files: {COUNT} judged" in again.stdout
    assert doctor.returncode == 0, doctor.stdout
    assert ends == [0, 0, 0]
