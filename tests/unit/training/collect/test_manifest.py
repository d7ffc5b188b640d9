"""The manifest is safe to open, and loses nothing that others wrote."""

import csv
import io

import pytest

from training.collect.manifest import COLUMNS, extend_manifest, read_manifest
from training.errors import TrainingError


def rows_of(content: bytes) -> list[dict[str, str]]:
    """The rows as any other program reads them."""
    return list(csv.DictReader(io.StringIO(content.decode())))


@pytest.mark.parametrize("prompt", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=cmd|'/c calc'!A0"])
def test_nothing_is_a_formula(prompt: str) -> None:
    """A text that a spreadsheet would run gets an apostrophe before it."""
    made = extend_manifest(None, [{"path": "fake/a/1.png", "label": "fake", "prompt": prompt}], name="m")

    assert rows_of(made)[0]["prompt"].startswith("'")


def test_every_row_is_one_line() -> None:
    """Line breaks, nulls and separators from strangers do not make new rows."""
    row = {"path": "fake/a/1.png", "label": "fake", "prompt": 'a\r\n"b",c\0\u2028d', "source": "a"}

    made = extend_manifest(None, [row], name="m")

    assert made.count(b"\n") == 2
    assert rows_of(made)[0]["prompt"] == 'a  "b",c  d'


def test_keeps_what_others_wrote() -> None:
    """Columns and rows of a manifest of the user's stay as they are, and come first."""
    own = b"path,label,camera,prompt\nreal/x/1.jpg,real,=A1,\n"

    made = extend_manifest(own, [{"path": "real/x/1.jpg", "label": "fake"}, {"path": "b", "label": "real"}], name="m")

    assert rows_of(made)[0] | {"camera": "=A1"} == rows_of(made)[0]
    assert [row["label"] for row in rows_of(made)] == ["real", "real"]
    assert made.decode().startswith("path,label,camera,prompt,kind,")


def test_a_new_manifest_has_all_columns() -> None:
    """Also when there is nothing to list yet."""
    columns, rows = read_manifest(extend_manifest(None, [], name="m"), name="m")

    assert (tuple(columns), rows) == (COLUMNS, [])


def test_survives_text_without_bytes() -> None:
    """Half of a surrogate pair, which JSON can hold, does not end the run."""
    made = extend_manifest(None, [{"path": "a", "label": "real", "prompt": "\ud800"}], name="m")

    assert rows_of(made)[0]["prompt"] == "?"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"name,size\na,1\n"])
def test_refuses_what_is_no_manifest(content: bytes) -> None:
    """Another file of that name is not overwritten."""
    with pytest.raises(TrainingError, match=r"^m "):
        extend_manifest(content, [], name="m")
