"""What ffmpeg writes of times is read as numbers, whatever it writes."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.pipeline.survey import NO_STAMP, parse_ratio, parse_stamp


def test_a_stamp_is_exact() -> None:
    """Thirds of a second stay thirds."""
    assert parse_stamp(b"1 1/3") == Fraction(1, 3)
    assert parse_ratio(b" 1001/30000\n") == Fraction(1001, 30000)


@pytest.mark.parametrize("text", [b"", b"1", b"1/0", b"-1/3", b"1e999999999", b"1/1e9", b"9" * 5000 + b"/1", b"\xff/1"])
def test_what_is_no_ratio_is_none(text: bytes) -> None:
    """Neither an error nor an hour of arithmetic: a decoder that was taken over may write anything."""
    assert parse_ratio(text) is None
    assert parse_stamp(b"1 " + text) is None


@given(st.binary(max_size=300))
def test_any_line_is_a_time_or_none(line: bytes) -> None:
    """No line ends the reading of the others."""
    stamp = parse_stamp(line)

    assert stamp is None or abs(stamp) >= 0


def test_an_unknown_time_is_none() -> None:
    """Ffmpeg writes it as the smallest integer there is."""
    assert parse_stamp(f"{NO_STAMP} 1/1000".encode()) is None
