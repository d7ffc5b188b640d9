"""The catalogue of what pages say, and the templates and scripts that ask it."""

import re

from web.rendering import FOLDER
from web.strings.catalogue import ENGLISH, PARTS, t

_ASKED = re.compile(r"""\bt\(["']([a-z_]+\.[a-z0-9_-]+)["'][,)]""")
_BUILT = re.compile(r"""\bt\(["']([a-z_]+)\.["'] ~""")
_SCRIPT = re.compile(r"""\btext\(["']([a-z_]+)["']""")


def test_templates_ask_only_for_what_the_catalogue_has() -> None:
    """A key that a template or a page names is in the catalogue."""
    sources = [*FOLDER.glob("templates/*.html"), *FOLDER.glob("pages/*.py")]
    asked = {key for source in sources for key in _ASKED.findall(source.read_text(encoding="utf-8"))}

    assert len(asked) > 100
    assert asked - ENGLISH.keys() == set()


def test_scripts_ask_only_for_what_they_are_given() -> None:
    """A string that a script shows is in the catalogue under `script.`."""
    scripts = [script.read_text(encoding="utf-8") for script in FOLDER.glob("static/js/*.js")]
    asked = {f"script.{name}" for script in scripts for name in _SCRIPT.findall(script)}

    assert len(asked) > 10
    assert asked - ENGLISH.keys() == set()


def test_families_that_templates_build_keys_of_have_words() -> None:
    """Of each family of keys that is put together in a template, there are words."""
    text = "".join(page.read_text(encoding="utf-8") for page in FOLDER.glob("templates/*.html"))
    families = {key.partition(".")[0] for key in ENGLISH} | {"reason"}

    assert set(_BUILT.findall(text)) - families == set()


def test_no_key_stands_in_two_parts() -> None:
    """The words of a key are found in one part of the catalogue alone."""
    assert sum(map(len, PARTS)) == len(ENGLISH)


def test_a_code_without_words_is_shown_as_it_is() -> None:
    """A reason that the catalogue does not know yet is told by its code."""
    assert t("reason.not_a_video") == "not a video"
