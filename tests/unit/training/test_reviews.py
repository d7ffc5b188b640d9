"""What reviewers said becomes training material, if the files are still what they saw."""

import hashlib
import os
from pathlib import Path

import pytest

from db.reviewed import ReviewedVideo
from db.verdicts import Verdict
from training.errors import TrainingError
from training.reviews import agreement_of, reviewed_material


def video(
    path: Path,
    *labels: str,
    verdict: Verdict | None = "fake",
    content: bytes = b"clip",
    batch_id: int | None = 3,
    earlier: Path | None = None,
) -> ReviewedVideo:
    """A reviewed video that had this content when it was scanned."""
    paths = [os.fsencode(place) for place in (path, earlier) if place is not None]
    return ReviewedVideo(1, hashlib.sha256(content).hexdigest(), labels, tuple(paths), batch_id, verdict)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A file with the content of `video`."""
    (tmp_path / "clip.mp4").write_bytes(b"clip")
    return tmp_path / "clip.mp4"


@pytest.mark.parametrize(
    ("verdict", "label", "agreement", "weight"),
    [
        ("fake", "real", "wrong", 4.0),
        ("real", "fake", "wrong", 4.0),
        ("uncertain", "fake", "uncertain", 2.0),
        (None, "fake", "unjudged", 2.0),
        ("real", "real", "confirmed", 1.0),
    ],
)
def test_what_was_wrong_weighs_most(
    clip: Path, verdict: Verdict | None, label: str, agreement: str, weight: float
) -> None:
    """The label is the reviewer's; how the machine had judged decides how often it is shown."""
    material = reviewed_material([video(clip, label, verdict=verdict)])

    (item,) = material.items
    assert (item.path, item.kind, item.label, item.source) == (clip, "video", label, "reviewed/batch-3")
    assert (item.weight, item.is_reviewed) == (weight, True)
    assert material.agreement == {agreement: 1}
    assert agreement_of(video(clip, label, verdict=verdict), label) == agreement


def test_a_moved_file_is_found_where_it_lay_before(clip: Path, tmp_path: Path) -> None:
    """Of all places, one that still holds the content is enough."""
    material = reviewed_material([video(tmp_path / "gone.mp4", "real", earlier=clip)])

    assert [item.path for item in material.items] == [clip]


def test_what_cannot_be_used_is_told(clip: Path, tmp_path: Path) -> None:
    """A changed file, a missing one, a pipe, and a video that reviewers disagree on are listed and left out."""
    changed, pipe = tmp_path / "changed.mp4", tmp_path / "pipe.mp4"
    changed.write_bytes(b"another clip")
    os.mkfifo(pipe)
    nowhere = ReviewedVideo(2, "ab" * 32, ("real",), (), None, None)

    material = reviewed_material(
        [
            video(clip, "real"),
            video(changed, "real"),
            video(tmp_path / "gone.mp4", "real"),
            video(pipe, "real"),
            video(clip, "real", "fake"),
            nowhere,
        ]
    )

    assert [skip.path.name for skip in material.skipped] == [
        "changed.mp4",
        "gone.mp4",
        "pipe.mp4",
        "clip.mp4",
        "ab" * 32,
    ]
    assert "disagree" in material.skipped[3].why
    assert [item.path for item in material.items] == [clip]


def test_reviewers_who_agree_are_one_voice(clip: Path) -> None:
    """Two labels that are the same do not count twice."""
    assert len(reviewed_material([video(clip, "fake", "fake")]).items) == 1


def test_nothing_to_learn_from_says_what_to_do(tmp_path: Path) -> None:
    """No review at all, and reviews of files that are gone, end with the command that helps."""
    with pytest.raises(TrainingError, match="fakesweep review"):
        reviewed_material([])
    with pytest.raises(TrainingError, match=r"gone\.mp4: it is gone"):
        reviewed_material([video(tmp_path / "gone.mp4", "real")])


def test_a_video_of_no_batch_has_a_source_too(clip: Path) -> None:
    """What was never submitted in a batch that is known stays one source."""
    assert reviewed_material([video(clip, "real", batch_id=None)]).items[0].source == "reviewed"
