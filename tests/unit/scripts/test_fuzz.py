"""The fuzzer makes the same files from the same seed, and notices every way in which reading one can go wrong."""

import random
import sys
from pathlib import Path

import pytest

from scripts.parts.fuzz import Tally
from scripts.parts.fuzz_crew import Judge
from scripts.parts.fuzz_damage import DAMAGES, Sick, damage
from scripts.parts.fuzz_judge import read_video
from scripts.parts.fuzz_structure import anatomy_of
from tests.clips import Drawn

# A judge of these words: it dies, hangs, or answers.
FAKE_JUDGE = """
import json, os, sys, time
print("{}", flush=True)
for line in sys.stdin:
    if "die" in line:
        os.kill(os.getpid(), 11)
    if "hang" in line:
        time.sleep(600)
    print(json.dumps({"state": "decoded"}), flush=True)
"""


@pytest.fixture
def sick(drawn: Drawn) -> Sick:
    """A healthy MP4 file, and a Matroska file to take parts from."""
    content = drawn("h264.mp4").read_bytes()
    return Sick(content, anatomy_of("mp4", content), drawn("h264-b.mkv").read_bytes())


@pytest.mark.parametrize("name", sorted(DAMAGES))
def test_a_damage_is_chosen_by_the_seed_alone(name: str, sick: Sick) -> None:
    """The same seed damages in the same way, and among a few seeds the file is changed."""
    made = [DAMAGES[name](sick, random.Random(seed)) for seed in range(8)]

    assert made == [DAMAGES[name](sick, random.Random(seed)) for seed in range(8)]
    assert any(content != sick.content for content in made)


@pytest.mark.parametrize("content", [b"", b"x", bytes(7), b"\xff" * 40])
@pytest.mark.parametrize("container", ["mp4", "mkv", "avi", "ts", "flv", "mpg", "ogv", "wmv", "mxf"])
def test_what_has_no_parts_is_damaged_too(container: str, content: bytes) -> None:
    """A file that earlier damage left nothing of ends no run."""
    for seed in range(40):
        damage(content, b"other", container=container, chance=random.Random(seed))


@pytest.mark.parametrize(
    ("name", "container"),
    [("h264.mp4", "mp4"), ("h264-b.mkv", "mkv"), ("h264.avi", "avi"), ("h264-b.ts", "ts"), ("h264.flv", "flv")],
)
def test_parts_cover_the_file(name: str, container: str, drawn: Drawn) -> None:
    """The anatomy of a healthy file reaches its end, and its sizes lie within it."""
    content = drawn(name).read_bytes()
    anatomy = anatomy_of(container, content)

    assert max(end for _, end in anatomy.parts) > 0.9 * len(content)
    assert all(field.start + field.width <= len(content) for field in anatomy.sizes)
    assert len(anatomy.parts) > 10


@pytest.mark.parametrize(("path", "state"), [("die", "lost"), ("hang", "hang"), ("fine", "decoded")])
def test_a_judge_that_is_lost_is_noted_and_replaced(path: str, state: str) -> None:
    """A judge that dies or hangs costs one file, and the next one is read."""
    judge = Judge([sys.executable, "-c", FAKE_JUDGE], hang_after_s=2.0 if state == "hang" else 60.0)
    try:
        assert judge.read(Path(path))["state"] == state
        assert judge.read(Path("fine"))["state"] == "decoded"
    finally:
        judge.close()


@pytest.mark.parametrize(
    ("state", "is_kept"),
    [("decoded", False), ("unreadable", False), ("failed", True), ("traceback", True), ("hang", True), ("lost", True)],
)
def test_only_refusals_and_frames_are_no_defects(state: str, is_kept: bool) -> None:  # noqa: FBT001 - a column
    """Every other end is a defect, and the file is kept."""
    tally = Tally()

    assert tally.add("1-a.mp4", ["noise"], {"state": state, "reason": None, "deaths": [-11], "seconds": 1}) == is_kept
    assert (len(tally.defects), tally.deaths["signal 11"]) == (int(is_kept), 1)


def test_memory_over_the_limit_is_a_defect() -> None:
    """A file that was read, and took a decoder to 100 GB, is kept."""
    answer = {"state": "decoded", "reason": None, "deaths": [], "seconds": 1, "peak_bytes": {"decoder": 10**11}}

    assert Tally().add("1-a.mp4", ["noise"], answer)


def test_a_video_is_read_as_a_worker_reads_it(drawn: Drawn, tmp_path: Path) -> None:
    """Pictures of a whole file, a reason for a broken one, and what both cost."""
    whole = read_video(drawn("h264.mp4"))
    (tmp_path / "text.mp4").write_text("no video")
    broken = read_video(tmp_path / "text.mp4")

    assert (whole["state"], whole["frames"], whole["deaths"], whole["traceback"]) == ("decoded", 8, [], None)
    assert whole["peak_bytes"]["decoder"] > 1_000_000
    assert (broken["state"], broken["reason"]) == ("unreadable", "not_a_video")


def test_a_defect_of_ours_is_told_with_its_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What no one foresaw is no end of a video."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("foreseen by nobody")

    monkeypatch.setattr("scripts.parts.fuzz_judge.probe_video", fail)
    answer = read_video(tmp_path / "any.mp4")

    assert answer["state"] == "traceback"
    assert "foreseen by nobody" in answer["traceback"]
