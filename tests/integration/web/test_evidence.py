"""The kept faces of a video over the web: shown where they are whole, told as damaged where they are not."""

from pathlib import Path

import pytest

from tests.integration.cli.evidence_batches import seed_judged
from tests.web_client import Site


def seed_one(site: Site) -> tuple[str, Path]:
    """A judged video with a kept face: its number, and the file that holds the face."""
    directory = site.context.settings.evidence_directory
    assert directory is not None
    seed_judged(site.database, [0.9], evidence=directory)
    (video,) = site.client.get("/api/v1/videos").json()["videos"]
    (file,) = directory.rglob("*.zip")
    return str(video["id"]), file


def test_kept_faces_are_shown(site: Site) -> None:
    """List, pictures and page give what was kept."""
    video, _ = seed_one(site)

    told = site.client.get(f"/api/v1/videos/{video}/evidence").json()

    assert told["problem"] is None
    (face,) = told["faces"]
    for picture in ("face", "frame", "heat"):
        assert site.client.get(face[picture]).content
        assert picture == "frame" or face[picture] in site.client.get(f"/videos/{video}").text
    assert site.client.get(f"/videos/{video}/face").headers["content-type"] == "image/jpeg"
    assert site.client.get(f"/api/v1/videos/{video}/evidence/1/face.jpg").status_code == 404


def test_the_log_names_a_damaged_file_once(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever asks again and again fills no log."""
    video, file = seed_one(site)
    file.write_bytes(file.read_bytes()[:100])

    for _ in range(3):
        site.client.get(f"/api/v1/videos/{video}/evidence")

    assert len([line for line in caplog.messages if file.name in line]) == 1


def test_a_damaged_file_is_told(site: Site) -> None:
    """Nobody takes a damaged file for a video without faces, and nobody learns where it lies."""
    video, file = seed_one(site)
    file.write_bytes(file.read_bytes()[:100])

    told = site.client.get(f"/api/v1/videos/{video}/evidence").json()
    picture = site.client.get(f"/api/v1/videos/{video}/evidence/0/face.jpg")
    page = site.client.get(f"/videos/{video}").text

    assert told == {"faces": [], "problem": picture.json()["detail"]}
    assert told["problem"].startswith(f"No pictures: the file with them, {file.name}, is damaged")
    assert picture.status_code == 404
    assert told["problem"] in page
    assert str(file.parent) not in page + picture.text
    assert site.client.get(f"/videos/{video}/face").headers["content-type"] == "image/svg+xml"
