"""`fakesweep show --explain` and `classify --explain`: pictures of what spoke for a verdict."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from tests.bundles import build_bundle
from tests.drawing import X264, draw_video, run_ffmpeg
from tests.end_to_end.face_clips import draw_face_video
from tests.end_to_end.installation import Installation

pytestmark = pytest.mark.slow

_LOADED = """
import sys
from cli.main import main
main.main(sys.argv[1:], standalone_mode=False)
print("LOADED", *sorted({"tensorflow", "keras", "openvino", "training"} & set(sys.modules)))
"""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A face that moves."""
    return draw_face_video(tmp_path / "face clip.mp4", seconds=1.0)


def test_a_verdict_is_explained_in_pictures(installation: Installation, clip: Path, tmp_path: Path) -> None:
    """The faces with the highest scores, on the frames where the scan found them, without TensorFlow."""
    report = json.loads(installation.run("scan", clip, "--preset", "fast", "--json", "-").stdout)
    answer = subprocess.run(
        [sys.executable, "-c", _LOADED, "show", clip, "--explain", "--faces", "3", "--output", tmp_path / "why"],
        env=installation.environ,
        capture_output=True,
        text=True,
        check=True,
    )

    index = json.loads((tmp_path / "why" / "explanation.json").read_text())
    stored = [(frame["t_s"], face) for frame in report["videos"][0]["frames"] for face in frame["faces"]]
    highest = sorted(stored, key=lambda pair: (-pair[1]["score"], pair[0]))[:3]
    assert answer.stdout.splitlines()[-1] == "LOADED openvino"
    assert f"3 faces explained: open {tmp_path / 'why' / 'contact-sheet.png'}" in answer.stdout
    assert answer.stderr == ""
    assert index["video"]["verdict"] == report["videos"][0]["verdict"]
    assert [(face["t_s"], face["score"], face["box_px"]) for face in index["faces"]] == [
        (t_s, face["score"], face["box_px"]) for t_s, face in highest
    ]
    assert all(face["score_now"] == pytest.approx(face["score"], abs=1e-6) for face in index["faces"])
    for face in index["faces"]:
        pictures = [cv2.imread(str(tmp_path / "why" / name)) for name in face["pictures"].values()]
        assert [None if picture is None else picture.shape for picture in pictures] == [
            (448, 448, 3),
            (448, 448, 3),
            (480, 480, 3),
        ]


def test_a_turned_video_is_drawn_upright(installation: Installation, tmp_path: Path) -> None:
    """The face of a video that is stored lying stands upright in its picture, as in the upright video."""
    portrait = data.astronaut()[:300, 90:390]

    def paint(picture: np.ndarray, number: int) -> None:
        del number
        picture[180:, 90:390] = portrait

    draw_video(tmp_path / "stored.mp4", seconds=1.0, size=(480, 480), turns=1, paint=paint, arguments=X264)
    turned = tmp_path / "turned.mp4"
    run_ffmpeg(["-display_rotation", "-90", "-i", tmp_path / "stored.mp4", "-c", "copy", turned])
    installation.run("scan", turned, "--preset", "fast")

    result = installation.run("show", turned, "--explain", "--faces", "1", "--output", tmp_path / "why")

    frame = cv2.imread(str(tmp_path / "why" / "face-01-frame.png"), cv2.IMREAD_GRAYSCALE)
    assert result.returncode == 0, result.stderr
    assert frame is not None
    drawn = frame[180:, 90:390].astype(float)
    turns = [
        np.corrcoef(np.rot90(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY), k).ravel(), drawn.ravel())[0, 1]
        for k in range(4)
    ]
    assert int(np.argmax(turns)) == 0
    assert turns[0] > 0.8


def test_a_video_that_moved_or_changed(installation: Installation, clip: Path, tmp_path: Path) -> None:
    """Named by its new place it is explained; where only another content is left, nothing is."""
    installation.run("scan", clip, "--preset", "fast")
    sha256 = json.loads(installation.run("show", clip, "--json", "-").stdout)["sha256"]
    moved = shutil.move(clip, tmp_path / "moved.mp4")

    gone = installation.run("show", sha256[:12], "--explain", "--output", tmp_path / "why", cwd=tmp_path)
    installation.run("scan", moved, "--preset", "fast")
    found = installation.run("show", sha256[:12], "--explain", "--output", tmp_path / "sheet.png", cwd=tmp_path)
    with moved.open("r+b") as file:
        file.seek(200)
        file.write(b"changed")
    changed = installation.run("show", sha256[:12], "--explain", "--output", tmp_path / "why", cwd=tmp_path)

    assert (gone.returncode, found.returncode, changed.returncode) == (1, 0, 1)
    assert "face clip.mp4: missing" in gone.stderr
    assert (tmp_path / "sheet.png").stat().st_size > 10_000
    assert "moved.mp4: it holds another content now" in changed.stderr
    assert not (tmp_path / "why").exists()


def test_by_the_gradients_of_the_keras_network(installation: Installation, clip: Path, tmp_path: Path) -> None:
    """At the last features, gradients give the map that the exported network gives without."""
    installation.bundle = build_bundle(tmp_path / "with keras", with_keras=True)
    installation.run("scan", clip, "--preset", "fast")

    for name, options in (("cam", []), ("grad", ["--grad-cam", "last"])):
        result = installation.run("show", clip, "--explain", "--faces", "1", "--output", tmp_path / name, *options)
        assert result.returncode == 0, result.stderr

    maps = [json.loads((tmp_path / name / "explanation.json").read_text()) for name in ("cam", "grad")]
    assert [found["method"] for found in maps] == ["class activation map", "Grad-CAM at layer last"]
    np.testing.assert_allclose(maps[0]["faces"][0]["heat_map"], maps[1]["faces"][0]["heat_map"], atol=1e-3)


def test_pictures_are_explained_as_they_are_judged(installation: Installation, tmp_path: Path) -> None:
    """One picture into the directory itself, several into one below it each, and those without a face not at all."""
    portrait = tmp_path / "portrait.png"
    cv2.imwrite(str(portrait), np.ascontiguousarray(data.astronaut()[..., ::-1]))
    shutil.copyfile(portrait, tmp_path / "again.png")
    cv2.imwrite(str(tmp_path / "nobody.png"), np.full((200, 300, 3), 90, np.uint8))

    one = installation.run("classify", portrait, "--explain", tmp_path / "one")
    many = installation.run(
        "classify", tmp_path / "nobody.png", portrait, tmp_path / "again.png", "--explain", tmp_path / "many"
    )
    refused = installation.run("classify", portrait, tmp_path / "again.png", "--explain", tmp_path / "sheet.png")

    assert (one.returncode, many.returncode, refused.returncode) == (0, 0, 2), one.stderr + many.stderr
    (face,) = json.loads((tmp_path / "one" / "explanation.json").read_text())["faces"]
    assert (face["t_s"], face["number"]) == (None, 1)
    assert face["score_now"] == pytest.approx(face["score"], abs=1e-6)
    assert sorted(path.name for path in (tmp_path / "many").iterdir()) == ["picture-002", "picture-003"]
    assert "2 pictures cannot all be explained" in refused.stderr
