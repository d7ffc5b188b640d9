"""The installed `evaluate` measures a drawn set with a bundle whose judgement is known."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from skimage import data, io

from tests.end_to_end.face_clips import draw_face_video
from tests.end_to_end.installation import Installation

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One portrait in reds (fake to the drawn bundle) and in blues (real to it), a clip, and a broken picture."""
    root = tmp_path_factory.mktemp("evaluate") / "faces"
    portrait = data.astronaut()[:320, 60:420]
    for label, source, gain in (("real", "camera", (0.6, 1.0, 1.0)), ("fake", "<b>gan</b>", (1.0, 1.0, 0.6))):
        folder = root / label / source
        folder.mkdir(parents=True)
        for number in range(3):
            shifted = np.roll(portrait, 7 * number, axis=1)
            io.imsave(folder / f"{number}.png", (shifted * gain).astype(np.uint8), check_contrast=False)
    (root / "fake" / "<b>gan</b>" / "broken.png").write_bytes(b"no picture")
    clips = root / "real" / "clips"
    clips.mkdir()
    draw_face_video(clips / "clip.mp4", seconds=1.0)
    return root


def test_a_page_and_figures_of_a_labelled_directory(installation: Installation, faces: Path, tmp_path: Path) -> None:
    """Figures as JSON, a page that needs no network, a table for people, and what could not be used by name."""
    bundle = installation.bundle
    assert bundle is not None

    result = installation.run(
        "evaluate",
        faces,
        "--bundle",
        bundle,
        "--frames",
        "2",
        "--cache",
        tmp_path / "cache",
        "--json",
        tmp_path / "figures.json",
        "--html",
        tmp_path / "page.html",
    )

    assert result.returncode == 0, result.stderr
    figures = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert (figures["image"]["real"], figures["image"]["fake"], figures["image"]["auc"]) == (3, 3, 1.0)
    assert [skip["path"] for skip in figures["skipped"]] == [str(faces / "fake/<b>gan</b>/broken.png")], figures[
        "skipped"
    ]
    assert figures["video"]["mean"]["real"] == 1
    assert figures["coverage_by_class"]["fake image"] == {"files": 4, "judged": 3}
    assert "h264 crf 40" in figures["robustness"]
    assert "pictures, jpeg 30" in result.stdout
    assert "broken.png" in result.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert re.search(r"https?://|<script|<b>gan", page) is None
    assert page.count('<svg class="plot"') >= 4


def test_json_on_standard_output_stands_alone(installation: Installation, faces: Path, tmp_path: Path) -> None:
    """Nothing else is written there, and without robustness there is none."""
    result = installation.run(
        "evaluate", faces, "--bundle", str(installation.bundle), "--no-robustness", "--cache", tmp_path, "--json", "-"
    )

    assert result.returncode == 0, result.stderr
    assert "robustness" not in json.loads(result.stdout)


def test_what_cannot_work_is_said_at_once(installation: Installation, faces: Path, tmp_path: Path) -> None:
    """A directory without labels, a bundle that is none, one file for two results: one message each, no traceback."""
    (tmp_path / "empty").mkdir()
    cases = {
        "real/ and fake/": [tmp_path / "empty"],
        "fakesweep train": [faces, "--bundle", tmp_path / "empty"],
        "name two files": [faces, "--json", tmp_path / "one", "--html", tmp_path / "one"],
    }

    for words, arguments in cases.items():
        result = installation.run("evaluate", "--cache", tmp_path / "cache", *arguments)
        assert result.returncode != 0
        assert words in result.stderr
        assert "Traceback" not in result.stderr
