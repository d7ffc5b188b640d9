"""Explanations are written where nothing of anybody else's is."""

import json
from pathlib import Path

import click
import cv2
import numpy as np
import pytest

from cli.explanation_files import ExplanationTarget, describe_method, path_of, title_of, write_explanation
from worker.pipeline.explaining import ExplainedFace, JudgedFace
from worker.pipeline.results import Box, Frame


def explained(score: float = 0.75) -> ExplainedFace:
    """A red face with some heat."""
    frame = Frame(1.5, np.full((200, 300, 3), (200, 0, 0), np.uint8), 2.0)
    judged = JudgedFace(1.5, Box(100, 50, 80, 90), 0, score)
    return ExplainedFace(judged, 1.1, score, np.array([[1.0, -2.0]], np.float32), frame, 1.3)


def write(target: Path, count: int) -> Path:
    """An explanation of some faces."""
    return write_explanation(target, [explained()] * count, title="a", subtitle="b", head={"method": "by hand"})


def test_a_whole_explanation(tmp_path: Path) -> None:
    """A sheet to open first, three pictures of each face, and an index that names them."""
    first = write(tmp_path / "deep" / "why", 2)

    names = sorted(path.name for path in first.parent.iterdir())
    index = json.loads((first.parent / "explanation.json").read_text())
    assert first == tmp_path / "deep" / "why" / "contact-sheet.png"
    assert names == [
        "contact-sheet.png",
        "explanation.json",
        *(f"face-{number}{kind}.png" for number in ("01", "02") for kind in ("-frame", "-heat", "")),
    ]
    assert (index["method"], index["heat_span_logits"], index["contact_sheet"]) == ("by hand", 10.0, first.name)
    assert index["faces"][0] == {
        "number": 1,
        "t_s": 1.5,
        "box_px": [100, 50, 80, 90],
        "track": 0,
        "score": 0.75,
        "score_now": 0.75,
        "logit": 1.1,
        "heat_map": [[1.0, -2.0]],
        "pictures": {"face": "face-01.png", "heat": "face-01-heat.png", "frame": "face-01-frame.png"},
    }


def test_colours_are_written_in_order(tmp_path: Path) -> None:
    """A red face is red in the file, which OpenCV reads as blue, green, red."""
    write(tmp_path / "why", 1)

    written = cv2.imread(str(tmp_path / "why" / "face-01.png"))
    assert written is not None
    assert written.shape == (448, 448, 3)
    assert written[10, 10].tolist() == [0, 0, 200]


def test_an_earlier_explanation_is_replaced(tmp_path: Path) -> None:
    """Faces of an earlier run do not stay among the new ones."""
    write(tmp_path / "why", 3)
    target = ExplanationTarget().convert(str(tmp_path / "why"), None, None)

    write(target, 1)

    assert sorted(path.name for path in target.glob("face-*")) == [
        "face-01-frame.png",
        "face-01-heat.png",
        "face-01.png",
    ]


def test_one_picture_alone(tmp_path: Path) -> None:
    """A name that ends in .png gets the contact sheet and nothing beside it."""
    target = ExplanationTarget().convert(str(tmp_path / "why.png"), None, None)

    assert write(target, 2) == tmp_path / "why.png"
    assert [path.name for path in tmp_path.iterdir()] == ["why.png"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("photos", "holds other files"), ("notes.txt", "is a file"), ("nowhere/a.png", "there is no directory")],
)
def test_other_files_are_left_alone(tmp_path: Path, name: str, message: str) -> None:
    """A directory of somebody's, a file, or a place that is not there: refused before any work."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "face-01.png").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(click.BadParameter, match=message):
        ExplanationTarget().convert(str(tmp_path / name), None, None)

    assert (tmp_path / "photos" / "face-01.png").read_text() == "mine"


def test_words() -> None:
    """Names of any bytes become titles of harmless text; the method is told in words."""
    assert title_of({"verdict": "fake", "score": 0.9314}, b"/videos/bad\x1b\xff.mp4") == (
        "bad\\x1b\N{REPLACEMENT CHARACTER}.mp4   fake 0.931"
    )
    assert path_of({"path": "/a/\N{REPLACEMENT CHARACTER}", "path_b64": "L2Ev/w=="}) == b"/a/\xff"
    assert path_of({"path": "/a/ä"}) == "/a/ä".encode()
    assert describe_method(None) == "class activation map"
    assert describe_method("block_5_add") == "Grad-CAM at layer block_5_add"
