"""What a line of text says of rates, of the time left, and of counts."""

from cli.rendering.units import counted, format_rate, format_remaining


def test_format_rate_and_remaining() -> None:
    """A rate is per minute; a remainder no finer than whole seconds."""
    assert format_rate(0.25) == "15.0/min"
    assert format_rate(None) == format_rate(0.0) == "– /min"
    assert format_remaining(12.4) == "12 s"


def test_counted() -> None:
    """One has no plural."""
    assert counted(1, "video") == "1 video"
    assert counted(0, "video") == "0 videos"
