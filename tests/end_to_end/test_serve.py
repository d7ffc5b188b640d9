"""`fakesweep serve` as a process: what a person uploads is judged, and what they are shown is what was found."""

import contextlib
import http.client
import json
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.face_clips import draw_face_video
from tests.end_to_end.installation import Installation, stop
from tests.services import PostgresServer, ValkeyServer, free_port, wait_until

STARTS_WITHIN_S = 90.0
JUDGED_WITHIN_S = 180.0


class Server:
    """A running server, asked as a program asks."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.port = port
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        """Status and content of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {**self._headers, **headers})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        is_json = "json" in (answer.getheader("Content-Type") or "")
        return answer.status, json.loads(content) if is_json and content else content

    def is_ready(self) -> bool:
        """Whether it answers, and its database does."""
        try:
            return self.ask("GET", "/health/ready")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def announce(self, video: Path) -> str:
        """Announces a file; the address of its upload."""
        wanted = json.dumps({"name": video.name, "size_bytes": video.stat().st_size, "preset": "fast"}).encode()
        status, upload = self.ask("POST", "/api/v1/uploads", wanted, **{"Content-Type": "application/json"})
        assert status == 201, upload
        return f"/api/v1/uploads/{upload['id']}"

    def send(self, place: str, offset: int, content: bytes) -> Any:
        """Sends a piece; what is known of the upload then."""
        status, upload = self.ask("PATCH", place, content, **{"Upload-Offset": str(offset)})
        assert status == 200, upload
        return upload

    def wait_for_verdict(self, batch_id: int) -> dict[str, Any]:
        """The only video of a batch, once it has ended."""
        path = f"/api/v1/batches/{batch_id}"
        wait_until(lambda: self.ask("GET", path)[1]["is_finished"], timeout_s=JUDGED_WITHIN_S, what="the verdict")
        report: dict[str, Any] = self.ask("GET", f"{path}/report")[1]
        assert len(report["videos"]) == 1
        return dict(report["videos"][0])


@contextlib.contextmanager
def served(
    installation: Installation, log: Path, *arguments: str, token: str | None = None
) -> Iterator[tuple[Server, "subprocess.Popen[bytes]"]]:
    """A server of this installation, ended by Ctrl-C."""
    server = Server(free_port(), token)
    process = installation.start("serve", "--port", str(server.port), *arguments, log=log)
    try:
        wait_until(server.is_ready, timeout_s=STARTS_WITHIN_S, what=f"the server: {log}")
        yield server, process
        assert stop(process, signal.SIGINT) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_an_upload_is_judged_by_the_server_alone(installation: Installation, tmp_path: Path) -> None:
    """One command: the file goes on where the killed server had it, and is judged, without anything else running."""
    video = draw_face_video(tmp_path / "my clip.mp4")
    content = video.read_bytes()
    with contextlib.suppress(AssertionError), served(installation, tmp_path / "log") as (server, process):
        place = server.announce(video)
        server.send(place, 0, content[:5000])
        process.kill()
        process.wait()
    installation.wait_until_nothing_runs()

    with served(installation, tmp_path / "log") as (server, _):
        offset = server.ask("GET", place)[1]["offset"]
        upload = server.send(place, offset, content[offset:])
        judged = server.wait_for_verdict(upload["batch_id"])
        listed = server.ask("GET", "/api/v1/videos")[1]["videos"][0]
        part = server.ask("GET", f"/api/v1/videos/{listed['id']}/content", Range="bytes=4-7")
        picture = server.ask("POST", "/api/v1/pictures", b"no picture")

    assert offset == 5000
    assert judged["state"] == "judged"
    assert judged["frames_with_faces"] > 0
    assert listed["score"] == judged["score"]
    assert part == (206, b"ftyp")
    assert picture[1]["image"]["state"] == "unreadable"


@pytest.mark.slow
def test_the_server_keeps_house_by_itself(installation: Installation, tmp_path: Path) -> None:
    """On the embedded default no scheduler runs beside it, and what is too old goes all the same."""
    clip = draw_face_video(tmp_path / "clip.mp4")
    assert installation.run("scan", clip).returncode == 0
    database = installation.home / "fakesweep.db"

    def frames() -> int:
        with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection:
            return int(connection.execute("SELECT count(*) FROM frames").fetchone()[0])

    with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.execute("UPDATE scans SET finished_at = finished_at - 864000")
    assert frames() > 0
    installation.settings |= {"KEEP_FRAMES_DAYS": "1"}

    with served(installation, tmp_path / "log"):
        wait_until(lambda: frames() == 0, timeout_s=90, what="the end of old frames")

    assert "taken away: frames of 1 scans" in (tmp_path / "log").read_text()


@pytest.mark.slow
def test_on_a_cluster_it_only_serves(
    installation: Installation, tmp_path: Path, postgres: PostgresServer, valkey: ValkeyServer
) -> None:
    """With a broker and a database of one's own it hands scans on, and a worker elsewhere judges them."""
    url = postgres.create_database()
    installation.settings |= {"DATABASE_URL": url, "BROKER_URL": valkey.url}
    installation.run("db", "upgrade").check_returncode()
    token = installation.run("tokens", "create", "me", "--scope", "admin").stdout.strip()
    video = draw_face_video(tmp_path / "clip.mp4")
    with served(installation, tmp_path / "log", "--token-always", token=token) as (server, _):
        stranger = Server(server.port).ask("GET", "/api/v1/videos")[0]
        upload = server.send(server.announce(video), 0, video.read_bytes())
        worker = installation.start("worker", log=tmp_path / "worker-log")
        try:
            judged = server.wait_for_verdict(upload["batch_id"])
            workers = server.ask("GET", "/api/v1/workers")[1]["workers"]
        finally:
            stop(worker)
    postgres.drop_database(url)

    assert stranger == 401
    assert judged["state"] == "judged"
    assert len(workers) == 1


def test_it_listens_nowhere_else_without_a_token(installation: Installation) -> None:
    """Whoever forgot to make one is told so, and nothing was readable for a moment."""
    refused = installation.run("serve", "--host", "0.0.0.0", "--port", str(free_port()))  # noqa: S104 - is refused

    assert refused.returncode == 1
    assert "fakesweep tokens create" in refused.stderr


def test_tokens_are_made_listed_and_revoked(installation: Installation) -> None:
    """The secret is shown once; its hash is what is kept."""
    made = installation.run("tokens", "create", "ci", "--scope", "submit,read", "--expires", "30d")
    listed = json.loads(installation.run("tokens", "list", "--json", "-").stdout)["tokens"]
    revoked = installation.run("tokens", "revoke", "1")
    after = json.loads(installation.run("tokens", "list", "--json", "-").stdout)["tokens"]

    secret = made.stdout.strip()
    assert secret.startswith("fsw_")
    assert [(token["name"], token["scopes"], token["state"]) for token in listed] == [
        ("ci", ["read", "submit"], "usable")
    ]
    assert revoked.returncode == 0
    assert after[0]["state"].startswith("revoked")
    assert secret.encode() not in (installation.home / "fakesweep.db").read_bytes()
    assert installation.run("tokens", "create", "x", "--scope", "everything").returncode == 2
