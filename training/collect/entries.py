"""Reads URLs of pictures from a JSON or JSONL export, whatever its shape."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from training.errors import TrainingError

URL_KEYS = (
    "image",
    "image_url",
    "imageUrl",
    "contentUrl",
    "murl",
    "original",
    "src",
    "url",
    "thumbnail",
    "thumbnail_url",
    "thumbnailUrl",
    "turl",
)
"""Where a URL is looked for, the best first: a search's `url` is often the page that the picture stands on."""

IDENTITY_KEYS = ("identity", "person", "person_id")
LICENCE_KEYS = ("licence", "license")


@dataclass(frozen=True)
class Entry:
    """One picture of an export.

    Args:
        urls: where it may be found; the first that gives a picture is taken.
        identity: who is shown; empty where the export does not say.
        licence: empty where the export does not say.
    """

    urls: tuple[str, ...]
    identity: str = ""
    licence: str = ""


def read_entries(content: bytes, *, name: str, url_keys: Sequence[str] = URL_KEYS) -> list[Entry]:
    """The pictures of an export, each once, in its order.

    Args:
        content: a JSON document, or one JSON document a line.
        name: of the export, for messages.
        url_keys: keys of objects that hold a URL, the best first.

    Raises:
        TrainingError: it is no JSON, or names no picture.
    """
    try:
        documents = _parse(content, name)
        entries = {entry.urls[0]: entry for document in documents for entry in _walk(document, url_keys)}
    except RecursionError as error:
        raise TrainingError(f"{name} is nested too deeply: flatten it to a list of URLs") from error
    if not entries:
        raise TrainingError(
            f"{name} names no http:// or https:// URL in a list, or under {', '.join(url_keys)}:"
            " say with --url-key where they are"
        )
    return list(entries.values())


def _parse(content: bytes, name: str) -> list[Any]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TrainingError(f"{name} is not in UTF-8 ({error}): save it so") from error
    try:
        return [json.loads(text)]
    except ValueError as error:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        if len(lines) < 2 or not _is_json(lines[0][1]):
            raise TrainingError(f"{name} is no JSON ({error}): export it again") from error
        return [_parse_line(name, number, line) for number, line in lines]


def _parse_line(name: str, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise TrainingError(f"{name}, line {number} is no JSON ({error}): export it again") from error


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _walk(node: Any, keys: Sequence[str]) -> Iterator[Entry]:
    if isinstance(node, str) and _is_url(node):
        yield Entry((node.strip(),))
    elif isinstance(node, list):
        for part in node:
            yield from _walk(part, keys)
    elif isinstance(node, dict):
        urls = _urls_of(node, keys)
        if urls:
            yield Entry(urls, _text_of(node, IDENTITY_KEYS), _text_of(node, LICENCE_KEYS))
        # What was taken as this object's own URL is no picture beside it.
        rest = [value for key, value in node.items() if key not in keys or isinstance(value, list)]
        for value in rest:
            if isinstance(value, list | dict):
                yield from _walk(value, keys)


def _urls_of(node: dict[str, Any], keys: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for key in keys:
        value = node.get(key)
        if isinstance(value, str) and _is_url(value):
            found.append(value.strip())
        elif isinstance(value, dict):
            found += _urls_of(value, keys)
    return tuple(dict.fromkeys(found))


def _is_url(text: str) -> bool:
    return text.strip().lower().startswith(("http://", "https://"))


def _text_of(node: dict[str, Any], keys: Sequence[str]) -> str:
    return next((str(node[key]) for key in keys if isinstance(node.get(key), str | int)), "")
