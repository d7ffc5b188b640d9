"""Discovering labelled material: trees, split layouts, manifests."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_sets_side_by_side_are_sources(tmp_path: Path) -> None:
    """Of several sets, each with real/ and fake/, the folder above is part of the source; of one alone it is not."""
    _touch(tmp_path, "celeb/real/a.mp4", "celeb/fake/b.mp4", "faces/fake/gan/c.jpg", "faces/real/d.jpg")

    both = {item.path.name: item.source for item in discover_items(tmp_path)}
    _touch(tmp_path / "alone", "celeb/real/a.mp4", "celeb/fake/gan/b.mp4")
    alone = {item.path.name: item.source for item in discover_items(tmp_path / "alone")}

    assert both == {"a.mp4": "celeb", "b.mp4": "celeb", "c.jpg": "faces/gan", "d.jpg": "faces"}
    assert alone == {"a.mp4": "unnamed_real", "b.mp4": "gan"}


@pytest.mark.parametrize("layout", ["train/{}/x/a.jpg", "TEST/{}/a.jpg", "val/{}/a.mp4", "Validation/{}/a.jpg"])
def test_splits_are_known_by_all_their_names(tmp_path: Path, layout: str) -> None:
    """Whatever the case, and however validation is abbreviated."""
    _touch(tmp_path, layout.format("Real"), layout.format("FAKE"))

    items = discover_items(tmp_path)

    word = layout.split("/", maxsplit=1)[0].lower()
    assert {item.split for item in items} == {{"val": "validation"}.get(word, word)}
    assert sorted(item.label for item in items) == ["fake", "real"]


def test_a_manifest_may_be_given_itself(tmp_path: Path) -> None:
    """A CSV of any name, its paths counted from where it lies; absolute paths stay."""
    listing = tmp_path / "lists" / "mine.csv"
    listing.parent.mkdir()
    listing.write_text("\ufeffpath,label,split\n../a.jpg,Real,TEST\n/data/b.mp4,fake,\n", encoding="utf-8")

    items = discover_items(listing)

    assert [(item.path, item.label, item.split) for item in items] == [
        (tmp_path / "lists" / "../a.jpg", "real", "test"),
        (Path("/data/b.mp4"), "fake", None),
    ]


def test_rows_that_end_early_or_late_are_read(tmp_path: Path) -> None:
    """What a spreadsheet left out is empty, what it has too much is ignored, a row twice is one item."""
    (tmp_path / "manifest.csv").write_text(
        "path,label,source,identity\na.jpg,real\nb.jpg,fake,gan,anna,more,and more\nb.jpg,fake,gan,anna\n", "utf-8"
    )

    items = discover_items(tmp_path)

    assert [(item.source, item.identities) for item in items] == [("unnamed_real", ()), ("gan", ("anna",))]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"path,source\na.jpg,x\n", "no column .'label'.: it needs path and label"),
        (b"", "no column"),
        (b"path,label\n\xff\xfe.jpg,real\n", "no CSV in UTF-8"),
        (b"path,label\na.jpg,real\na.jpg,fake\n", "lists .*a.jpg as real and as fake"),
        (b"path,label\n,real\n", "line 2: '' is neither a picture nor a video"),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    """No traceback: the file, and what is wrong with it."""
    (tmp_path / "manifest.csv").write_bytes(content)

    with pytest.raises(TrainingError, match=told):
        discover_items(tmp_path)


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    """A path that does not exist is named."""
    with pytest.raises(TrainingError, match=r"nothing at .*gone"):
        discover_items(tmp_path / "gone")


@given(st.binary(max_size=300))
def test_any_bytes_as_a_manifest_end_in_items_or_a_message(content: bytes) -> None:
    """Whatever stands in the file, the answer is items or a TrainingError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.csv"
        path.write_bytes(b"path,label,source,split\n" + content)
        try:
            items = discover_items(path, needs_both=False)
        except TrainingError:
            return

        assert items
