"""No name from a stranger leads out of the target."""

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.collect.places import check_source, copied_place, is_inside, source_named_after
from training.errors import TrainingError

HOSTILE = ["../../etc/passwd.jpg", "/etc/passwd.jpg", "a/../../b.png", "..\\..\\b.png", "-rf.png", ".hidden.png",
           "a\nb.png", "a\0b.png", "con./x.png", "x" * 300 + ".jpg", "a//b.png", "\u202egpj.exe.png"]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
def test_hostile_names_are_replaced(path: str) -> None:
    """A name that could do harm becomes a hash of itself, below the label and the source."""
    place = copied_place("real", "camera", path)

    assert PurePosixPath(place).parent == PurePosixPath("real/camera")
    assert len(PurePosixPath(place).stem) == 16


@settings(deadline=None)
@given(st.text(), st.text(min_size=1))
def test_every_name_stays_inside(path: str, source: str) -> None:
    """Whatever the origin calls a file and its source, it lies below the label's directory."""
    place = copied_place("fake", source, path)

    assert place.startswith("fake/")
    assert is_inside(place)
    assert (Path("/target") / place).resolve().is_relative_to("/target/fake")


def test_harmless_names_stay() -> None:
    """Folders and names that people gave are kept, and the label and source are not repeated."""
    assert copied_place("real", "camera", "day 1/Ärger (2).JPG") == "real/camera/day 1/Ärger (2).JPG"
    assert copied_place("real", "camera", "real/camera/1.jpg") == "real/camera/1.jpg"
    assert copied_place("fake", "a/b", "fake/a/b/1.jpg") == "fake/a/b/1.jpg"


def test_no_file_takes_the_place_of_another() -> None:
    """Of two files for one place, the second is named by its hash."""
    first = copied_place("real", "s", "1.jpg")

    assert copied_place("real", "s", "real/s/1.jpg", taken={first}) != first


@pytest.mark.parametrize("source", ["", ".", "..", "a/b", "../x", "-a", "a b", "a.", "ä"])
def test_sources_have_plain_names(source: str) -> None:
    """A source's name is a directory's name on every system."""
    with pytest.raises(TrainingError, match="a source is named"):
        check_source(source)


@pytest.mark.parametrize(
    ("text", "name"),
    [("gpt-image-1", "gpt-image-1"), ("org/Model v2!", "org-Model-v2"), ("../..", "unnamed"), ("", "unnamed")],
)
def test_sources_are_named_after_models(text: str, name: str) -> None:
    """A model's name becomes a directory's name."""
    assert source_named_after(text) == name
    assert check_source(source_named_after(text)) == name
