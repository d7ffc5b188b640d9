"""The faces that reports show are kept whole or not at all, and no fault of theirs reaches a verdict."""

import logging
import zipfile
from pathlib import Path

import numpy as np
import pytest

from worker.evidence import (
    DamagedEvidenceError,
    EvidenceFile,
    delete_evidence,
    evidence_path,
    list_evidence,
    read_evidence,
    save_evidence,
)
from worker.pipeline.results import Box, KeptFace


def kept_face(score: float = 0.9, *, heat: bool = True) -> KeptFace:
    """A face with pictures that are only bytes."""
    return KeptFace(
        t_s=1.5,
        box=Box(10, 20, 64, 80),
        track=2,
        score=score,
        width_px=1280,
        height_px=720,
        heat_map=np.array([[1.25, -2.5]], np.float32) if heat else None,
        face_jpeg=b"face",
        frame_jpeg=b"frame",
        heat_png=b"heat" if heat else None,
    )


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    """Every field of every face comes back, in order; a network without heat maps leaves those out."""
    assert save_evidence(tmp_path / "new", 1_234_567, 3, [kept_face(), kept_face(0.4, heat=False)])

    first, second = read_evidence(tmp_path / "new", 1_234_567, 3)

    assert (first.t_s, first.box_px, first.track, first.score) == (1.5, (10, 20, 64, 80), 2, 0.9)
    assert (first.width_px, first.height_px, first.heat_map) == (1280, 720, [[1.25, -2.5]])
    assert (first.face_jpeg, first.frame_jpeg, first.heat_png) == (b"face", b"frame", b"heat")
    assert (second.score, second.heat_map, second.heat_png) == (0.4, None, None)
    assert evidence_path(tmp_path / "new", 1_234_567, 3) == tmp_path / "new/000001/234/1234567-3.zip"
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_late_worker_does_not_write_over_anothers_faces(tmp_path: Path) -> None:
    """Each lease has a file of its own, and without a token the latest is read."""
    save_evidence(tmp_path, 7, 2, [kept_face(0.8)])
    save_evidence(tmp_path, 7, 1, [kept_face(0.3)])

    assert [face.score for face in read_evidence(tmp_path, 7)] == [0.8]
    assert [face.score for face in read_evidence(tmp_path, 7, 2)] == [0.8]
    assert read_evidence(tmp_path, 7, 3) == read_evidence(tmp_path, 8) == read_evidence(None, 7) == []


@pytest.mark.parametrize("harm", ["cut", "emptied", "replaced", "flipped", "pretending", "endless"])
def test_a_broken_file_is_refused_by_name(tmp_path: Path, harm: str) -> None:
    """Whatever became of the file, it is told as damage, and what others are shown keeps its directory to itself."""
    save_evidence(tmp_path, 7, 1, [kept_face()])
    path = evidence_path(tmp_path, 7, 1)
    whole = path.read_bytes()
    other = tmp_path / "other.zip"
    made_up = {
        "pretending": '{"faces": [{"box_px": "no"}]}',
        "endless": '{"faces": [{"box_px": [1, 2, 3, 4], "pictures": {}, "heat_map": 0, "t_s": 0, "track": Infinity}]}',
    }
    if harm in made_up:
        with zipfile.ZipFile(other, "w") as packed:
            packed.writestr("index.json", made_up[harm])
    broken = {
        "cut": whole[: len(whole) // 2],
        "emptied": b"",
        "replaced": b"something else",
        "flipped": whole.replace(b"frame", b"fr!me", 1),
        **dict.fromkeys(made_up, other.read_bytes() if other.exists() else b""),
    }
    path.write_bytes(broken[harm])

    with pytest.raises(DamagedEvidenceError, match=f"no pictures from {path}: the file is damaged") as caught:
        read_evidence(tmp_path, 7, 1)
    assert path.name in caught.value.public
    assert str(tmp_path) not in caught.value.public


def test_a_file_that_is_not_there_is_no_damage(tmp_path: Path) -> None:
    """Faces that were never kept, or were taken away by retention, are nothing to warn of."""
    assert read_evidence(tmp_path, 7, 1) == []


def test_a_disk_that_refuses_costs_a_warning_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where nothing can be written, the log says so and the scan goes on."""
    (tmp_path / "taken").write_text("a file where the directory should be")

    with caplog.at_level(logging.WARNING):
        is_kept = save_evidence(tmp_path / "taken", 7, 1, [kept_face()])

    assert not is_kept
    assert "were not kept" in caplog.text
    assert "the verdict is not touched" in caplog.text


def test_retention_lists_and_deletes(tmp_path: Path) -> None:
    """Every file is told with its scan and token; deleting frees its bytes, and half-written ones go with it."""
    for scan_id, token in ((7, 1), (7, 2), (1_500, 1), (3_000_000, 1)):
        save_evidence(tmp_path, scan_id, token, [kept_face()])
    (tmp_path / "000000/000/.7-3.zip-abcd.part").write_bytes(b"half")
    (tmp_path / "000000/000/notes.txt").write_text("a stranger's")

    listed = list(list_evidence(tmp_path))
    size_bytes = evidence_path(tmp_path, 7, 1).stat().st_size
    freed = delete_evidence(tmp_path, 7, but_token=2)

    assert [(file.scan_id, file.token) for file in listed] == [(7, 1), (7, 2), (1_500, 1), (3_000_000, 1)]
    assert listed[0] == EvidenceFile(evidence_path(tmp_path, 7, 1), 7, 1)
    assert freed == size_bytes + len(b"half")
    assert [(file.scan_id, file.token) for file in list_evidence(tmp_path)] == [(7, 2), (1_500, 1), (3_000_000, 1)]
    assert delete_evidence(tmp_path, 7) == size_bytes
    assert list(list_evidence(tmp_path / "nowhere")) == []
