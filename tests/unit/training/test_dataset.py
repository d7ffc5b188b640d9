"""Discovering labelled material: trees, split layouts, manifests."""

from pathlib import Path

import pytest

from training.dataset import discover_items
from training.errors import TrainingError


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def test_folders_name_label_and_source(tmp_path: Path) -> None:
    """Below real/ and fake/ the folders are the source, at any depth; other files are ignored."""
    _touch(tmp_path, "real/studio/a.jpg", "fake/gan/v2/b.PNG", "fake/clip.mp4", "fake/notes.txt", "c.jpg")

    items = discover_items(tmp_path)

    assert [(item.label, item.kind, item.source) for item in items] == [
        ("fake", "video", "unnamed_fake"),
        ("fake", "image", "gan/v2"),
        ("real", "image", "studio"),
    ]


def test_split_layout_is_respected(tmp_path: Path) -> None:
    """train, valid and test above real/ and fake/ are the split."""
    _touch(tmp_path, "train/real/a.jpg", "valid/fake/b.jpg", "test/fake/x/c.jpg")

    items = discover_items(tmp_path)

    assert {item.path.name: item.split for item in items} == {
        "a.jpg": "train",
        "b.jpg": "validation",
        "c.jpg": "test",
    }


def test_manifest_gives_source_identities_and_licence(tmp_path: Path) -> None:
    """A manifest.csv is read in place of the folders, with identities parted by semicolons."""
    (tmp_path / "manifest.csv").write_text(
        "path,label,source,identity,licence\n"
        'x/a.jpg,real,studio,anna,"CC0, as stated"\n'
        "x/b.mp4,fake,swap,footage:1; swap:bob,\n",
        encoding="utf-8",
    )

    real, fake = discover_items(tmp_path)

    assert (real.source, real.identities, real.licence) == ("studio", ("anna",), "CC0, as stated")
    assert (fake.kind, fake.identities) == ("video", ("footage:1", "swap:bob"))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("a.jpg,maybe,,", "label must be real or fake, got 'maybe'"),
        ("a.txt,real,,", "neither a picture nor a video"),
        ("a.jpg,real,,elsewhere", "split must be one of"),
    ],
)
def test_wrong_manifest_row_is_named(tmp_path: Path, row: str, told: str) -> None:
    """A wrong row is refused with its line and its value."""
    (tmp_path / "manifest.csv").write_text(f"path,label,source,split\n{row}\n", encoding="utf-8")

    with pytest.raises(TrainingError, match=f"line 2.*{told}"):
        discover_items(tmp_path)


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    """Without fakes there is nothing to learn, and the message says what to add."""
    _touch(tmp_path, "real/a.jpg")

    with pytest.raises(TrainingError, match="no fake pictures or videos"):
        discover_items(tmp_path)


def test_excluded_source_is_left_out(tmp_path: Path) -> None:
    """A source named in exclude_sources does not come back."""
    _touch(tmp_path, "real/a/1.jpg", "fake/b/1.jpg", "fake/c/1.jpg")

    items = discover_items(tmp_path, exclude_sources=["c"])

    assert {item.source for item in items} == {"a", "b"}
