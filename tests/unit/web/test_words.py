"""How pages write figures and names."""

import pytest

from web import words


@pytest.mark.parametrize(
    ("bytes_", "said"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (217_000, "217 kB"), (21_474_836_480, "21.5 GB")]
)
def test_sizes_have_three_digits_at_most(bytes_: int, said: str) -> None:
    """A size is told in the unit in which it has up to three digits."""
    assert words.size(bytes_) == said


def test_names_cannot_turn_the_text_around() -> None:
    """A direction mark in a file's name is spelled out; bytes that are no UTF-8 are U+FFFD."""
    assert words.name(b"/a/\xe2\x80\xaegpj.exe\xff") == "\\u202egpj.exe�"


def test_names_are_spelled_as_on_a_terminal() -> None:
    """A line break in a file's name is told as every command tells it."""
    assert words.name(b"/a/two\nlines\x1b.mp4") == "two\\nlines\\x1b.mp4"


def test_counts_are_told_in_words() -> None:
    """Outcomes that did not occur are not told."""
    assert words.told({"fake": 3, "real": 1200, "uncertain": 0}) == "1,200 real, 3 fake"


def test_a_column_is_stacked_by_how_it_looks() -> None:
    """What was not judged is drawn as one kind, above the verdicts."""
    counts = {"fake": 1, "real": 2, "failed": 3, "no_face": 0}

    assert words.stacked(counts) == [("real", 2), ("fake", 1), ("trouble", 3)]
