"""All words of the pages by their keys."""

import json
from collections.abc import Mapping

from web.strings import batches, classifiers, layout, live, overview, scripts, submitting, terms, videos

PARTS: tuple[Mapping[str, str], ...] = (
    layout.ENGLISH,
    terms.ENGLISH,
    overview.ENGLISH,
    batches.ENGLISH,
    videos.ENGLISH,
    submitting.ENGLISH,
    classifiers.ENGLISH,
    live.ENGLISH,
    scripts.ENGLISH,
)

ENGLISH: Mapping[str, str] = {key: words for part in PARTS for key, words in part.items()}


def t(key: str, **values: object) -> str:
    """The words of a key, with its values put in; codes that have no words of their own are shown as they are."""
    words = ENGLISH.get(key)
    if words is None:
        family, _, code = key.partition(".")
        if family not in _OPEN_FAMILIES:
            raise KeyError(f"the catalogue has no {key!r}: add it to a module of web/strings")
        return code.replace("_", " ")
    return words.format(**values) if values else words


_OPEN_FAMILIES = ("reason", "warning", "stage", "aggregate", "state")
"""Codes of the pipeline, which may have new ones before they have words."""

SCRIPT_STRINGS = json.dumps({key.removeprefix("script."): words for key, words in scripts.ENGLISH.items()})
"""What the scripts say, as JSON."""
