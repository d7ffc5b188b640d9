"""Classifiers are imported, activated, rolled back, and judge pictures as well as videos."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from skimage import data, io

from tests.bundles import build_bundle
from tests.end_to_end.face_clips import draw_face_video
from tests.end_to_end.installation import Installation

pytestmark = pytest.mark.slow


def test_classify_pictures(installation: Installation, tmp_path: Path) -> None:
    """Pictures of a directory are judged, broken ones told, others passed over; no state is made."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    io.imsave(folder / "face.png", data.astronaut())
    io.imsave(folder / "nobody.png", data.coffee())
    (folder / "text.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("ignored")

    result = installation.run("classify", folder, tmp_path / "gone.png", "--json", "-")
    images = json.loads(result.stdout)["images"]
    found = {Path(image["path"]).name: (image["state"], image["reason"]) for image in images}

    assert result.returncode == 3
    assert found["face.png"] == ("judged", None)
    assert found["nobody.png"] == ("no_face", None)
    assert found["text.jpg"][0] == found["gone.png"][0] == "unreadable"
    assert set(found) == {"face.png", "nobody.png", "text.jpg", "gone.png"}
    face = next(image for image in images if image["path"].endswith("face.png"))
    assert face["score"] == max(one["score"] for one in face["faces"])
    assert not installation.home.exists()


def test_import_activate_and_roll_back(installation: Installation, bundle: Path, tmp_path: Path) -> None:
    """An imported classifier judges what is submitted after it was activated, and a rollback takes that back."""
    clip = draw_face_video(tmp_path / "clip.mp4", seconds=1.0)
    ours = replace(installation, bundle=None)
    newer = build_bundle(tmp_path / "newer", version="2")
    versions = []
    ours.run("classifiers", "import", bundle, "--activate", "--force")
    for step in ([], ["import", newer, "--activate", "--force"], ["rollback"]):
        if step:
            assert ours.run("classifiers", *step).returncode == 0
        report = json.loads(ours.run("scan", clip, "--preset", "fast", "--json", "-").stdout)
        versions.append((report["classifier"]["version"], report["videos"][0]["reused"]))
    listed = json.loads(ours.run("classifiers", "list", "--json", "-").stdout)["classifiers"]
    outdated = ours.run("scan", clip, "--outdated")

    assert versions == [("1", False), ("2", False), ("1", True)]
    # The packaged one is listed too: it would have judged before.
    imported = [entry for entry in listed if entry["name"] == "fakesweep-red"]
    assert [(entry["version"], entry["active"]) for entry in imported] == [("1", True), ("2", False)]
    assert all(Path(entry["path"]).is_relative_to(installation.home) for entry in imported)
    assert "# A classifier for tests" in ours.run("classifiers", "show", "fakesweep-red").stdout
    assert outdated.returncode == 0, outdated.stderr


def test_an_altered_classifier_is_not_imported(installation: Installation, bundle: Path, tmp_path: Path) -> None:
    """A bundle whose files do not match its manifest leaves nothing behind."""
    altered = build_bundle(tmp_path / "altered")
    (altered / "classifier.keras").write_bytes(b"something else")

    result = installation.run("classifiers", "import", altered)

    assert result.returncode == 1
    assert "classifier.keras" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (installation.home / "classifiers").exists()
