"""Names from strangers are shown as one harmless line."""

import json

import pytest

from cli.rendering.names import display_name, safe_json, shortened


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"holiday video.mp4", "holiday video.mp4"),
        ("Zoë 👩‍👧.mp4".encode(), "Zoë 👩‍👧.mp4"),
        (b"caf\xe9.mp4", "caf\N{REPLACEMENT CHARACTER}.mp4"),
        (b"two\nlines\t.mp4", "two\\nlines\\t.mp4"),
        (b"\x1b[31mred\x07.mp4", "\\x1b[31mred\\x07.mp4"),
        ("\x9b31m.mp4".encode(), "\\x9b31m.mp4"),
        ("evil\u202e4pm.exe".encode(), "evil\\u202e4pm.exe"),
        ("caf\udce9.mp4", "caf\N{REPLACEMENT CHARACTER}.mp4"),
    ],
)
def test_display_name_neutralises(name: bytes | str, shown: str) -> None:
    """What a terminal would obey is spelled out, what is not UTF-8 is U+FFFD, the rest stays."""
    assert display_name(name) == shown


def test_shortened_keeps_both_ends() -> None:
    """A long name loses its middle, never more than needed."""
    text = shortened("a-very-long-name-of-a-video.mp4", width=16)

    assert len(text) == 16
    assert text.startswith("a-v")
    assert text.endswith("video.mp4")
    assert shortened("short.mp4", width=16) == "short.mp4"


def test_safe_json_means_the_same() -> None:
    """Escaping what a terminal obeys changes nothing for a reader of the JSON."""
    value = {"path": "a\x9b\u202e\u2028\x7fé👩‍👧"}

    text = safe_json(json.dumps(value, ensure_ascii=False))

    assert json.loads(text) == value
    assert "\x9b" not in text
    assert "é" in text
