"""From a reviewer's word to the next classifier: scan, review, train, gate, and the running worker takes it up."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.face_clips import draw_face_video
from tests.end_to_end.face_pictures import write_tinted_faces
from tests.end_to_end.installation import Installation, stop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SMALL = ("--backbone", "tiny", "--size", "64", "--folds", "2", "--epochs", "1", "--rows", "16", "--batch", "8",
         "--views", "1", "--frames", "4")  # fmt: skip
# A network that saw a hundred faces for a few seconds may be any worse: what counts here is the way.
ANY = [
    part
    for name in ("auc", "balanced_accuracy", "calibration_error", "fakes_called", "false_alarms")
    for part in ("--margin", f"{name}=1")
]


def judged(installation: Installation, clip: Path) -> dict[str, Any]:
    """The report of a clip that a running worker has judged."""
    result = installation.run("submit", clip, "--preset", "fast", "--watch", "--json", "-")
    assert result.returncode == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_reviews_become_the_next_classifier(installation: Installation, bundle: Path, tmp_path: Path) -> None:
    """What reviewers found wrong is learnt beside the old set, compared on the frozen one, and judges at once."""
    ours = replace(installation, bundle=None)
    clips = [draw_face_video(tmp_path / f"clip-{start}.mp4", seconds=1.0, start=start) for start in (0, 40, 80)]
    old = write_tinted_faces(tmp_path / "old", 4, sources=2)
    examination = write_tinted_faces(tmp_path / "examination", 10, first=500)
    shutil.copyfile(examination / "real/real_0/0.png", old / "real/real_0/leak.png")
    ours.run("classifiers", "import", bundle, "--activate", "--force")
    ours.run("classifiers", "freeze", examination)
    worker = ours.start("worker", "--concurrency", "1", log=tmp_path / "worker.log")
    try:
        first = [judged(ours, clip) for clip in clips[:2]]
        for clip in clips[:2]:
            ours.run("review", clip, "--label", "real", "--reviewer", "ada")
        clips[1].write_bytes(b"something else by now")
        trained = ours.run(
            *("train", "--from-reviews", "--data", old, "--output", tmp_path / "next", "--cache", tmp_path / "cache"),
            *("--name", "next", "--version", "2", "--replay", "0.7", *SMALL, "--activate", *ANY),
        )
        after = judged(ours, clips[2])
        is_running = worker.poll() is None
    finally:
        ended = stop(worker)
    history = json.loads(ours.run("classifiers", "history", "--json", "-").stdout)["activations"]
    manifest = json.loads((tmp_path / "next" / "manifest.json").read_text())

    assert [report["videos"][0]["verdict"] for report in first] == ["fake", "fake"]
    assert trained.returncode == 0, trained.stdout + trained.stderr
    assert "1 reviewed videos, of the machine's verdicts: 1 wrong" in trained.stdout
    assert "clip-40.mp4: it is gone, or holds something else now" in trained.stdout
    assert "all of them are real" in trained.stdout
    assert "left out 1 files that the frozen evaluation set holds too" in trained.stdout
    assert "10 real, 10 fake pictures" in trained.stdout
    assert manifest["training"]["sources"]["real reviewed/batch-1"] == 1
    assert manifest["training"]["recipe"]["replay"] == 0.7
    assert (history[0]["outcome"], history[0]["classifier"]["name"]) == ("passed", "next")
    assert (after["classifier"]["name"], after["classifier"]["version"]) == ("next", "2")
    assert after["videos"][0]["worker"] == first[0]["videos"][0]["worker"]
    assert is_running
    assert ended == 0


def test_nothing_reviewed_is_told_before_anything_is_learnt(installation: Installation, tmp_path: Path) -> None:
    """Without a review the command ends at once, with the command that makes one."""
    (tmp_path / "old").mkdir()

    result = installation.run("train", "--from-reviews", "--data", tmp_path / "old")

    assert result.returncode == 1
    assert "fakesweep review" in result.stderr
    assert "Traceback" not in result.stderr
