"""Reads the answers of an OpenAI-compatible image API, and sorts what can go wrong by what it means for the purse."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class AnswerError(Exception):
    """An answer without pictures; the message is one clause, without the key.

    Args:
        wait_s: how long the API asks to wait, None where it does not say.
    """

    def __init__(self, why: str, *, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class PassingError(AnswerError):
    """The API was busy or broken, and charged nothing: try again."""


class LostAnswerError(AnswerError):
    """The request may have been carried out and charged for, and its answer never came."""


class PolicyRefusalError(AnswerError):
    """The API's content policy refuses the prompt or the picture."""


class BadRequestError(AnswerError):
    """The API finds this request wrong, and charged nothing."""


@dataclass(frozen=True)
class SentPicture:
    """One picture of an answer.

    Args:
        content: None where the answer only says where to get it.
        url: where to get it, None where it came along.
        revised_prompt: what the API made of the prompt; empty where it does not say.
    """

    content: bytes | None
    url: str | None
    revised_prompt: str = ""


def pictures_in(content: bytes) -> list[SentPicture]:
    """The pictures of an answer.

    Raises:
        LostAnswerError: it holds none that can be read; it was paid for nevertheless.
    """
    try:
        answer = json.loads(content)
        items = answer["data"]
        return [_picture_of(item) for item in items]
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise LostAnswerError(f"the answer holds no pictures that can be read ({error})") from error


def error_in(content: bytes) -> tuple[str, str]:
    """The code and the sentence of an error, empty where it is told otherwise than OpenAI tells it."""
    try:
        error = json.loads(content)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", content[:200].decode("utf-8", "replace").strip()
    if not isinstance(error, dict):
        return "", str(error)[:500]
    return str(error.get("code") or error.get("type") or ""), str(error.get("message") or "")[:500]


def _picture_of(item: Mapping[str, Any]) -> SentPicture:
    encoded, url = item.get("b64_json"), item.get("url")
    revised = str(item.get("revised_prompt") or "")
    if isinstance(encoded, str) and encoded:
        # Some servers send a data URL.
        content = base64.b64decode(encoded.partition("base64,")[2] or encoded, validate=True)
        return SentPicture(content, None, revised)
    if isinstance(url, str) and url:
        return SentPicture(None, url, revised)
    raise ValueError(f"an element of `data` has neither b64_json nor url, but {sorted(item)}")
