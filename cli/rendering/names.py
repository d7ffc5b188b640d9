"""Makes names from strangers safe to show: no terminal escape, no line break, no bytes that are not UTF-8."""

import re

from worker.safe_text import safe_text

# The variation that lets a text character be drawn as an emoji.
_WIDENS = "\ufe0f"
# What JSON itself leaves unescaped, although a terminal may obey it or an editor break the line there.
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def display_name(name: bytes | str) -> str:
    r"""The name as one line of harmless text: invalid UTF-8 is U+FFFD, a control character `\x1b`."""
    raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    return safe_text(raw.decode("utf-8", "replace"))


def shortened(text: str, *, width: int) -> str:
    """Text of at most `width` characters; what is cut is the middle, as names differ at both ends."""
    if len(text) <= width:
        return text
    tail = (width - 1) * 2 // 3
    return text[: width - 1 - tail] + "…" + text[len(text) - tail :]


def fitted(text: str, *, columns: int, encoding: str | None = "utf-8") -> str:
    """Harmless text that takes at most so many columns of a terminal; what is cut is the middle.

    Args:
        columns: at least 1; a wide character takes two.
        encoding: of the terminal; what it cannot show is a question mark.
    """
    known, gap = (_shown_in(part, encoding) for part in (text, "…"))
    gap = gap if gap != "?" else "~"
    if sum(map(_columns, known)) <= columns:
        return known
    tail = _first_columns(known[::-1], (columns - 1) * 2 // 3)[::-1]
    return _first_columns(known, columns - 1 - sum(map(_columns, tail))) + gap + tail


def safe_json(json_text: str) -> str:
    r"""JSON whose control and direction characters are written as `\u202e` is here; it means the same."""
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", json_text)


def _shown_in(text: str, encoding: str | None) -> str:
    """The text as far as the encoding has its characters."""
    try:
        return text.encode(encoding or "ascii", "replace").decode(encoding or "ascii")
    except LookupError:
        return text.encode("ascii", "replace").decode("ascii")


def _columns(character: str) -> int:
    """How many columns of a terminal a character adds at the most."""
    from rich.cells import cell_len

    # Some terminals join emoji and widen hearts, others do not: what is left over is better than a line that wraps.
    return 1 if character == _WIDENS else cell_len(character)


def _first_columns(text: str, columns: int) -> str:
    """As much of the beginning as takes at most so many columns."""
    taken = 0
    for place, character in enumerate(text):
        taken += _columns(character)
        if taken > columns:
            return text[:place]
    return text
