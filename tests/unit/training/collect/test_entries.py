"""URLs are found in exports of every shape."""

import json
from typing import Any

import pytest

from training.collect.entries import Entry, read_entries
from training.errors import TrainingError


def urls_of(document: Any, **options: Any) -> list[tuple[str, ...]]:
    """The URLs of each entry of a document."""
    return [entry.urls for entry in read_entries(json.dumps(document).encode(), name="export.json", **options)]


@pytest.mark.parametrize(
    ("document", "urls"),
    [
        (["http://a/1.jpg", "https://a/2.jpg"], [("http://a/1.jpg",), ("https://a/2.jpg",)]),
        ([{"url": "http://a/1"}, {"thumbnail": "http://a/2"}], [("http://a/1",), ("http://a/2",)]),
        ({"data": {"hits": [{"node": {"src": "http://a/1"}}]}}, [("http://a/1",)]),
        (
            [{"thumbnail": {"url": "http://a/small"}, "image": {"src": "http://a/big"}}],
            [("http://a/big", "http://a/small")],
        ),
        ([{"url": "http://a/page", "thumbnailUrl": "http://a/t"}], [("http://a/page", "http://a/t")]),
        ([{"images": ["http://a/1", "http://a/2"]}], [("http://a/1",), ("http://a/2",)]),
        (["http://a/1", "http://a/1", "ftp://a/2", "javascript:1", 7, None, "file:///etc/passwd"], [("http://a/1",)]),
        ([" http://a/1 "], [("http://a/1",)]),
    ],
)
def test_finds_urls_in_any_shape(document: Any, urls: list[tuple[str, ...]]) -> None:
    """Lists, objects and nesting; the larger picture before its thumbnail; each once; nothing but http and https."""
    assert urls_of(document) == urls


def test_reads_one_document_a_line() -> None:
    """JSONL is told from JSON by itself, with a byte order mark and empty lines."""
    content = b'\xef\xbb\xbf{"url": "http://a/1"}\n\n{"url": "http://a/2"}\n'

    assert [entry.urls[0] for entry in read_entries(content, name="x.jsonl")] == ["http://a/1", "http://a/2"]


def test_keys_can_be_named() -> None:
    """Other exports use other keys."""
    assert urls_of([{"foto": "http://a/1", "url": "http://a/2"}], url_keys=("foto",)) == [("http://a/1",)]


def test_takes_identity_and_licence_along() -> None:
    """What an export says of a picture reaches the manifest."""
    content = json.dumps([{"url": "http://a/1", "person_id": 7, "license": "CC0"}]).encode()

    assert read_entries(content, name="x") == [Entry(("http://a/1",), "7", "CC0")]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"<html>", "is no JSON"),
        (b'{"url": "http://a/1"}\n{"url"', "line 2 is no JSON"),
        (b'{"name": "nothing"}', "--url-key"),
        (b"\xff\xfe", "UTF-8"),
        (b"[" * 100_000, "no JSON|nested too deeply"),
    ],
)
def test_says_what_is_wrong_with_an_export(content: bytes, complaint: str) -> None:
    """Each kind of wrong file has its own message."""
    with pytest.raises(TrainingError, match=complaint):
        read_entries(content, name="export.json")
