"""What of the server's files leaves it: videos below the roots, in parts, and as nothing that a browser would run."""

import hashlib
import os
from pathlib import Path

import pytest

from db.batches import create_batch
from db.entries import ContentEntry, write_entries
from db.known_files import FileStamp
from db.linking import ScanWish
from tests.web_client import Site

CONTENT = bytes(range(256)) * 4


def submit_file(site: Site, path: Path, content: bytes = CONTENT, *, recorded: Path | None = None) -> str:
    """Writes a file and remembers it as a submitted video; the address of its content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    shown = os.fsencode(recorded or path)
    entry = ContentEntry(0, FileStamp(shown, len(content), 1), hashlib.sha256(content).hexdigest(), 1)
    with site.database.begin() as session:
        options = {"aggregate": "mean"}
        batch_id = create_batch(session, name="files", classifier_id=1, options=options, priority="bulk")
        write_entries(session, batch_id, ScanWish(1, 16, 256, "bulk"), [entry])
    newest = site.client.get("/api/v1/videos?limit=1").json()["videos"][0]
    return f"/api/v1/videos/{newest['id']}/content"


@pytest.mark.parametrize(
    ("wanted", "status", "first", "last"),
    [
        (None, 200, 0, 1023),
        ("bytes=0-0", 206, 0, 0),
        ("bytes=10-19", 206, 10, 19),
        ("bytes=1000-", 206, 1000, 1023),
        ("bytes=-24", 206, 1000, 1023),
        ("bytes=-5000", 206, 0, 1023),
        ("bytes=1000-999999", 206, 1000, 1023),
        ("bytes=0-1,5-6", 200, 0, 1023),
        ("bytes=a-b", 200, 0, 1023),
        ("bytes=-", 200, 0, 1023),
        ("lines=0-1", 200, 0, 1023),
        ("bytes=" + "9" * 40 + "-", 200, 0, 1023),
    ],
)
def test_content_comes_in_parts(site: Site, wanted: str | None, status: int, first: int, last: int) -> None:
    """A player asks for the part that it needs; what is no range of ours is answered with all."""
    address = submit_file(site, site.root / "clip.mp4")

    answer = site.client.get(address, headers={} if wanted is None else {"Range": wanted})

    assert answer.status_code == status
    assert answer.content == CONTENT[first : last + 1]
    assert answer.headers["accept-ranges"] == "bytes"
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {first}-{last}/1024"


@pytest.mark.parametrize("wanted", ["bytes=1024-", "bytes=5-4", "bytes=-0"])
def test_a_part_that_is_not_there_is_refused(site: Site, wanted: str) -> None:
    """416, and how long the file is."""
    address = submit_file(site, site.root / "clip.mp4")

    answer = site.client.get(address, headers={"Range": wanted})

    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */1024"


def test_known_content_is_not_sent_again(site: Site) -> None:
    """A browser that has it learns so; a part of another content is not glued to it."""
    address = submit_file(site, site.root / "clip.mp4")
    etag = site.client.head(address).headers["etag"]

    again = site.client.get(address, headers={"If-None-Match": etag})
    other = site.client.get(address, headers={"Range": "bytes=0-1", "If-Range": '"other"'})

    assert (again.status_code, again.content) == (304, b"")
    assert (other.status_code, len(other.content)) == (200, 1024)


@pytest.mark.parametrize(
    ("name", "kind", "disposition"),
    [
        ("clip.mp4", "video/mp4", "inline"),
        ("CLIP.WEBM", "video/webm", "inline"),
        ("page.html", "application/octet-stream", "attachment"),
        ("picture.svg", "application/octet-stream", "attachment"),
        ("page.xhtml", "application/octet-stream", "attachment"),
        ("video.mp4.htm", "application/octet-stream", "attachment"),
        ("no-extension", "application/octet-stream", "attachment"),
    ],
)
def test_nothing_is_served_that_a_browser_would_run(site: Site, name: str, kind: str, disposition: str) -> None:
    """A page or a drawing that somebody submitted is a file to keep, in a sandbox, and never sniffed."""
    address = submit_file(site, site.root / name, b"<svg onload=alert(1)><script>alert(1)</script>")

    headers = site.client.get(address).headers

    assert headers["content-type"] == kind
    assert headers["content-disposition"].startswith(disposition)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize("name", ['a"b\r\nX-Evil: 1.mp4', "ä;ö.mp4", "-rf.mp4", "line\nbreak.mp4"])
def test_a_name_adds_no_header(site: Site, name: str) -> None:
    """Whatever a file is called, its name stays within its header."""
    headers = site.client.get(submit_file(site, site.root / name)).headers

    assert "x-evil" not in headers
    assert "\n" not in headers["content-disposition"]
    assert headers["content-disposition"].count('"') == 2


def test_what_lies_elsewhere_is_not_shown(site: Site, tmp_path: Path) -> None:
    """A video that the command line submitted from another place is judged, and stays where it is."""
    address = submit_file(site, tmp_path / "elsewhere" / "clip.mp4")

    assert site.client.get(address).status_code == 403


def test_a_neighbour_of_a_root_is_no_part_of_it(site: Site, tmp_path: Path) -> None:
    """`/videos-private` does not lie below `/videos`."""
    address = submit_file(site, tmp_path / "videos-private" / "clip.mp4")

    assert site.client.get(address).status_code == 403


@pytest.mark.parametrize("kind", ["file", "directory", "dots"])
def test_a_path_that_leads_out_is_not_shown(site: Site, tmp_path: Path, kind: str) -> None:
    """Neither a link, nor a directory that is one, nor dots lead out of a root."""
    secret = tmp_path / "secret" / "clip.mp4"
    recorded = site.root / "link" / "clip.mp4"
    if kind == "dots":
        recorded = site.root / ".." / "secret" / "clip.mp4"
    address = submit_file(site, secret, recorded=recorded)
    if kind == "directory":
        (site.root / "link").symlink_to(secret.parent, target_is_directory=True)
    elif kind == "file":
        (site.root / "link").mkdir()
        recorded.symlink_to(secret)

    assert site.client.get(address).status_code == 403


@pytest.mark.timeout(30)
def test_a_pipe_in_place_of_a_video_is_not_opened(site: Site) -> None:
    """Whoever exchanges a file for a pipe holds nobody up."""
    address = submit_file(site, site.root / "clip.mp4")
    (site.root / "clip.mp4").unlink()
    os.mkfifo(site.root / "clip.mp4")

    assert site.client.get(address).status_code == 403


def test_a_file_that_changed_is_not_shown_as_the_judged_one(site: Site) -> None:
    """What lies there now is not what the verdict is about."""
    address = submit_file(site, site.root / "clip.mp4")
    (site.root / "clip.mp4").write_bytes(b"something else")

    assert site.client.get(address).status_code == 404


@pytest.mark.parametrize("path", ["/etc", "relative", "", "/", "{root}/../home", "{root}/out", "{root}-other"])
def test_only_roots_are_submitted(site: Site, path: str) -> None:
    """A server path is taken from below the roots alone, wherever it leads."""
    (site.root / "out").symlink_to("/etc")

    answer = site.client.post("/api/v1/batches", json={"paths": [path.format(root=site.root)]})

    assert answer.status_code in (403, 422)
    assert site.client.get("/api/v1/batches").json()["batches"] == []


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/..%2fapp.py"]
)
def test_static_files_are_those_of_their_folder(site: Site, path: str) -> None:
    """No address leads from the static files to anything else."""
    assert site.client.get(path).status_code == 404


def test_a_root_is_submitted(site: Site) -> None:
    """The files below a root become a batch."""
    (site.root / "a.mp4").write_bytes(b"no video")

    answer = site.client.post("/api/v1/batches", json={"paths": [str(site.root)], "name": "mine", "preset": "fast"})

    assert answer.status_code == 201
    batch = answer.json()["batch"]
    assert batch["name"] == "mine"
    assert answer.headers["location"] == f"/api/v1/batches/{batch['id']}"
