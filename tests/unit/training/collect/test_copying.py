"""Labelled material is copied whole, once, and to nowhere else."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.unit.training.faces import write_faces
from training.collect.copying import CopyOptions, copy_items, plan_copy
from training.collect.local_store import LocalStore
from training.dataset import discover_items
from training.errors import TrainingError


def copy(origin: Path, target: Path, **options: Any) -> tuple[Counter[str], list[tuple[str, str]]]:
    """A whole copy."""
    wanted = CopyOptions(**options)
    items, left_out = plan_copy(LocalStore(origin), wanted)
    return copy_items(items, LocalStore(origin), LocalStore(target), wanted, say=lambda _: None), left_out


def write(path: Path, content: bytes = b"content") -> None:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_a_tree_arrives_as_it_was(tmp_path: Path) -> None:
    """Labels, sources and splits of folders become those of the manifest; a second copy does nothing."""
    write_faces(tmp_path / "from" / "train", sources=2, count=2)
    write(tmp_path / "from" / "test" / "real" / "cam" / "images" / "clip.mp4")
    write(tmp_path / "from" / "notes.txt")
    first, _ = copy(tmp_path / "from", tmp_path / "to")
    second, _ = copy(tmp_path / "from", tmp_path / "to")

    def facts(root: Path) -> list[tuple[str, str, str, str | None]]:
        return sorted((item.path.name, item.label, item.source, item.split) for item in discover_items(root))

    assert facts(tmp_path / "to") == facts(tmp_path / "from")
    assert (first, second) == (Counter(copied=9), Counter(known=9))


def test_a_manifest_arrives_with_its_columns(tmp_path: Path) -> None:
    """What the origin knows of a file is not lost, and files that it does not list stay behind."""
    write(tmp_path / "from" / "images" / "1.jpg")
    write(tmp_path / "from" / "images" / "2.jpg", b"other")
    write(tmp_path / "from" / "images" / "unlisted.jpg")
    rows = "images/1.jpg,real,cam,person:a,7\n./images/2.jpg,fake,gan,,8\n"
    write(tmp_path / "from" / "manifest.csv", f"path,label,source,identity,shoe_size\n{rows}".encode())
    tally, _ = copy(tmp_path / "from", tmp_path / "to", licence="CC0")

    items = {item.label: item for item in discover_items(tmp_path / "to")}
    assert tally == Counter(copied=2)
    assert items["real"].path == tmp_path / "to" / "real" / "cam" / "images" / "1.jpg"
    assert (items["real"].identities, items["fake"].licence) == (("person:a",), "CC0")
    assert "shoe_size" in (tmp_path / "to" / "manifest.csv").read_text()


def test_unlabelled_material_needs_a_label(tmp_path: Path) -> None:
    """A folder of pictures becomes a source once the user says what they are."""
    write(tmp_path / "from" / "a" / "1.jpg")
    with pytest.raises(TrainingError, match="--label"):
        copy(tmp_path / "from", tmp_path / "to")

    copy(tmp_path / "from", tmp_path / "to", label="real", source="cam")

    assert (tmp_path / "to" / "real" / "cam" / "a" / "1.jpg").read_bytes() == b"content"


def test_a_manifest_cannot_reach_out_of_its_directory(tmp_path: Path) -> None:
    """Paths that lead elsewhere, wrong labels and missing files are left out and named."""
    write(tmp_path / "secret.jpg")
    write(tmp_path / "from" / "1.jpg")
    write(tmp_path / "from" / "2.jpg")
    rows = f"../secret.jpg,real\n{tmp_path}/secret.jpg,real\n1.jpg,real\n2.jpg,maybe\n3.jpg,fake\nmanifest.csv,real\n"
    write(tmp_path / "from" / "manifest.csv", f"path,label\n{rows}".encode())

    tally, left_out = copy(tmp_path / "from", tmp_path / "to")

    assert tally == Counter(copied=1)
    assert [why.split()[1] for _, why in left_out] == ["path", "path", "label", "is", "is"]
    assert [path.name for path in (tmp_path / "to").rglob("*.jpg")] == ["1.jpg"]


def test_hostile_names_are_replaced(tmp_path: Path) -> None:
    """Names that could do harm arrive under a hash, and training finds them."""
    for name in ("-rf.jpg", "a\nb.jpg", ".hidden.jpg"):
        write(tmp_path / "from" / "real" / "x" / name)
    write(tmp_path / "from" / "fake" / "y" / "ok.jpg")

    copy(tmp_path / "from", tmp_path / "to")

    items = discover_items(tmp_path / "to")
    assert all(item.path.is_file() for item in items)
    assert sorted(len(item.path.stem) for item in items) == [2, 16, 16, 16]


def test_altered_files_are_not_copied(tmp_path: Path) -> None:
    """What is not what the manifest says of it stays behind."""
    write(tmp_path / "from" / "1.jpg")
    write(tmp_path / "from" / "manifest.csv", f"path,label,sha256\n1.jpg,real,{'0' * 64}\n".encode())

    tally, _ = copy(tmp_path / "from", tmp_path / "to")

    assert tally == Counter(altered=1)
    assert not (tmp_path / "to").exists()


def test_a_changed_size_is_copied_again_and_anew_means_all(tmp_path: Path) -> None:
    """A file cut off by a kill of another program is replaced; with the option, everything is."""
    write(tmp_path / "from" / "real" / "x" / "1.jpg")
    copy(tmp_path / "from", tmp_path / "to")
    write(tmp_path / "to" / "real" / "x" / "1.jpg", b"cut")

    assert copy(tmp_path / "from", tmp_path / "to")[0] == Counter(copied=1)
    assert copy(tmp_path / "from", tmp_path / "to", is_anew=True)[0] == Counter(copied=1)
    assert (tmp_path / "to" / "real" / "x" / "1.jpg").read_bytes() == b"content"


def test_files_are_not_hidden_by_a_new_manifest(tmp_path: Path) -> None:
    """A target with labelled files of its own and no manifest is refused; one with a manifest is extended."""
    write(tmp_path / "from" / "real" / "x" / "1.jpg")
    write(tmp_path / "to" / "fake" / "y" / "2.jpg")
    with pytest.raises(TrainingError, match="hide"):
        copy(tmp_path / "from", tmp_path / "to")
    write(tmp_path / "to" / "manifest.csv", b"path,label,source\nfake/y/2.jpg,fake,y\n")

    copy(tmp_path / "from", tmp_path / "to")

    assert [item.source for item in discover_items(tmp_path / "to")] == ["y", "x"]
