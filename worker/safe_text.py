"""Makes text from strangers safe to show, on a terminal as on a page: nothing in it is obeyed, or turns it around."""

import unicodedata

_UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Joiners hold emoji and several scripts together, so these two format characters stay.
_JOINERS = {"\u200c", "\u200d"}


def safe_text(text: str) -> str:
    r"""Text whose control and direction characters are spelled out, as in `\x1b` and `\u202e`."""
    return "".join(_escaped(character) if _is_unsafe(character) else character for character in text)


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE_CATEGORIES and character not in _JOINERS


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
