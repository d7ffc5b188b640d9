"""Files come in pieces, whole, within limits, and under names that do no harm."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx import Response

from db.session import Database
from tests.loops import run_alone
from tests.services import wait_until
from tests.web_client import Site, running_site
from web.identity import Principal
from web.uploading import clean_name

CONTENT = b"no video, but somebody's bytes" * 100


def announce(site: Site, name: str = "clip.mp4", size: int = len(CONTENT), **more: Any) -> Response:
    """Announces a file."""
    answer: Response = site.client.post("/api/v1/uploads", json={"name": name, "size_bytes": size, **more})
    return answer


def send(site: Site, address: str, offset: int, content: bytes, **more: str) -> Response:
    """Sends a piece."""
    headers = {"Upload-Offset": str(offset), "Content-Type": "application/octet-stream", **more}
    answer: Response = site.client.patch(address, content=content, headers=headers)
    return answer


def test_a_file_comes_in_pieces_and_becomes_a_batch(site: Site) -> None:
    """Each piece from where the one before ended; with the last one it is submitted, whole."""
    address = announce(site, preset="fast").headers["location"]

    first = send(site, address, 0, CONTENT[:1000])
    offset = site.client.head(address).headers["upload-offset"]
    last = send(site, address, 1000, CONTENT[1000:])

    assert (first.status_code, first.json()["offset"], first.json()["batch_id"]) == (200, 1000, None)
    assert offset == "1000"
    batch_id = last.json()["batch_id"]
    wait_until(lambda: site.client.get(f"/api/v1/batches/{batch_id}").json()["is_submitted"])
    video = site.client.get("/api/v1/videos").json()["videos"][0]
    assert Path(video["path"]).read_bytes() == CONTENT
    assert Path(video["path"]).name == "clip.mp4"
    assert site.client.get(f"/api/v1/videos/{video['id']}/content").content == CONTENT


def test_a_piece_that_breaks_off_is_kept(site: Site) -> None:
    """The sender asks how much came, and goes on from there."""
    answer = announce(site)
    address = answer.headers["location"]
    uploads = site.context.uploads
    upload = uploads.find(answer.json()["id"], Principal("local", "local"))

    async def breaking() -> AsyncIterator[bytes]:
        yield CONTENT[:1500]
        raise ConnectionError("the cable was pulled")

    with pytest.raises(ConnectionError):
        run_alone(uploads.append(upload, 0, breaking()))
    offset = int(site.client.head(address).headers["upload-offset"])
    last = send(site, address, offset, CONTENT[offset:])

    assert offset == 1500
    assert last.json()["batch_id"] is not None


def test_a_server_that_stopped_before_the_submission_is_told_again(site: Site) -> None:
    """A file that came whole is not sent twice."""
    answer = announce(site)
    folder = site.context.uploads.folder / answer.json()["id"]
    (folder / "part").write_bytes(CONTENT)

    completed = site.client.post(answer.headers["location"] + "/complete")

    assert completed.json()["batch_id"] is not None
    assert (folder / "clip.mp4").read_bytes() == CONTENT


@pytest.mark.parametrize("offset", [1, 999])
def test_a_piece_from_elsewhere_is_refused(site: Site, offset: int) -> None:
    """409, and from where to go on."""
    address = announce(site).headers["location"]

    answer = send(site, address, offset, b"x")

    assert answer.status_code == 409
    assert answer.headers["upload-offset"] == "0"


@pytest.mark.parametrize("offset", ["-1", "x", "9" * 30, ""])
def test_an_offset_that_is_none_is_refused(site: Site, offset: str) -> None:
    """Whatever the header says."""
    address = announce(site).headers["location"]

    assert site.client.patch(address, content=b"x", headers={"Upload-Offset": offset}).status_code == 422


def test_more_than_was_announced_is_refused(site: Site) -> None:
    """And what came before stays what it was."""
    address = announce(site, size=10).headers["location"]

    answer = send(site, address, 0, b"x" * 11)

    assert answer.status_code == 413
    assert site.client.head(address).headers["upload-offset"] == "0"


@pytest.mark.parametrize(("limits", "status"), [({"upload_limit_bytes": 99}, 413), ({"upload_quota_bytes": 99}, 507)])
def test_what_is_too_large_is_refused_at_once(
    sqlite: Database, tmp_path: Path, limits: dict[str, int], status: int
) -> None:
    """Before anything is sent: by the limit of one file, and by that of all."""
    with running_site(sqlite, tmp_path, **limits) as site:
        assert announce(site, size=100).status_code == status
        assert announce(site, size=99).status_code == 201


def test_announced_files_count_for_the_quota(sqlite: Database, tmp_path: Path) -> None:
    """Many files at once do not fill the disk either."""
    with running_site(sqlite, tmp_path, upload_quota_bytes=250) as site:
        answers = [announce(site, size=100) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 507]


def test_an_upload_is_its_senders(guarded: Site) -> None:
    """Nobody else sees it, goes on with it or throws it away."""
    mine, other = guarded.bearer("submit"), guarded.bearer("submit")
    wanted = {"name": "a.mp4", "size_bytes": 5}
    address = guarded.client.post("/api/v1/uploads", json=wanted, headers=mine).headers["location"]

    theirs = [
        guarded.client.get(address, headers=other),
        guarded.client.patch(address, content=b"x", headers={**other, "Upload-Offset": "0"}),
        guarded.client.delete(address, headers=other),
    ]

    assert [answer.status_code for answer in theirs] == [404, 404, 404]
    assert guarded.client.delete(address, headers=mine).status_code == 204
    assert guarded.client.get(address, headers=mine).status_code == 404


def test_what_nobody_goes_on_sending_is_thrown_away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a day, with its file."""
    monkeypatch.setattr("web.uploading.UNFINISHED_S", -1.0)
    upload_id = announce(site).json()["id"]

    announce(site)

    assert not (site.context.uploads.folder / upload_id).exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("clip.mp4", "clip.mp4"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\evil.mp4", "evil.mp4"),
        ("/absolute/clip.mp4", "clip.mp4"),
        ("..", "upload"),
        (".", "upload"),
        (".bashrc", "bashrc"),
        ("-rf.mp4", "_-rf.mp4"),
        ("part", "_part"),
        ("PART", "_PART"),
        ("a\nb\x1b[31m.mp4", "a_b_[31m.mp4"),
        ("\u202egpm.mp4", "_gpm.mp4"),
        ("con:aux*?.mp4", "con_aux__.mp4"),
        ("großartig 🎬.mp4", "großartig 🎬.mp4"),
        ("a" * 500 + ".mp4", "a" * 196 + ".mp4"),
        ("ä" * 300 + ".mp4", "ä" * 98 + ".mp4"),
        ("   ", "upload"),
        ("/", "upload"),
        ("\ud800.mp4", "_.mp4"),
    ],
)
def test_names_do_no_harm(name: str, expected: str) -> None:
    """No directory, no control character, no option, no reserved letter, and no more bytes than a file system takes."""
    cleaned = clean_name(name)

    assert cleaned == expected
    assert len(os.fsencode(cleaned)) <= 200


@pytest.mark.parametrize("name", ["evil.html", "evil.svg", "../evil.svg"])
def test_a_page_that_is_uploaded_is_never_shown_as_one(site: Site, name: str) -> None:
    """It is kept as a file like any other, judged unreadable, and handed out as bytes."""
    content = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    address = announce(site, name=name, size=len(content)).headers["location"]

    batch_id = send(site, address, 0, content).json()["batch_id"]
    wait_until(lambda: site.client.get(f"/api/v1/batches/{batch_id}").json()["is_submitted"])
    video = site.client.get(f"/api/v1/videos?batch={batch_id}").json()["videos"][0]
    headers = site.client.get(f"/api/v1/videos/{video['id']}/content").headers

    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"].startswith("attachment")
