"""Speaks to an OpenAI-compatible image API, and says of every answer what it means for the purse."""

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError

from training.collect.image_answers import (
    AnswerError,
    BadRequestError,
    LostAnswerError,
    PassingError,
    PolicyRefusalError,
    error_in,
    pictures_in,
)
from training.collect.keys import ApiKey, check_base_url
from training.collect.waiting import wait_asked_for, wait_for_allowance
from training.collect.wishes import ImageRequest, Settings
from training.errors import TrainingError

# Ten pictures of 4096 x 4096 as PNG in base64.
MAX_ANSWER_BYTES = 512 * 1024 * 1024
_CONNECT_S = 20.0
_CHUNK_BYTES = 65536
_POLICY_CODES = frozenset({"contentpolicyviolation", "moderationblocked", "contentfilter", "safetyviolation"})
_PURSE_CODES = frozenset({"insufficientquota", "billinghardlimitreached", "billingnotactive"})
_WORTH_ANOTHER_TRY = (408, 409, 425, 429, *range(500, 600))
# A gateway gave up waiting: what it waited for may be finished, and paid for, all the same.
_GATEWAY_TIMEOUTS = (504, 524)


class ImageApi:
    """Sends requests for pictures.

    Args:
        base_url: such as https://api.openai.com/v1.
        key: None for an API that wants none.
        timeout_s: for one whole answer.
        user_agent: how it names itself.
        allow_plain_http: send the key unencrypted to another machine.

    Raises:
        TrainingError: the address cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        key: ApiKey | None,
        *,
        timeout_s: float,
        user_agent: str,
        allow_plain_http: bool = False,
    ) -> None:
        self.base_url = check_base_url(base_url, has_key=key is not None, allow_plain_http=allow_plain_http)
        self._key = key
        self._timeout_s = timeout_s
        self._headers = {"User-Agent": user_agent, "Accept": "application/json"}

    @property
    def place(self) -> tuple[str, int]:
        """Its host and port."""
        parts = urlsplit(self.base_url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def ask(self, request: ImageRequest, settings: Settings, base: bytes | None) -> tuple[bytes, float | None]:
        """The body of the answer, and how long to wait before the next request (None: not at all).

        Args:
            base: the given picture as PNG, for variations and edits.

        Raises:
            AnswerError: of the kind that says what to do.
            TrainingError: no request of this run can succeed.
        """
        deadline = time.monotonic() + self._timeout_s
        fields = _fields_of(request, settings)
        headers = {**self._headers, "Idempotency-Key": request.name}
        body: dict[str, Any] = {"json": fields} if base is None else _multipart(fields, base)
        # A session of its own: sessions are not made for threads, and an answer takes seconds anyway.
        with requests.Session() as session:
            try:
                answer = session.post(
                    f"{self.base_url}/images/{settings.operation}",
                    headers=headers,
                    auth=_Bearer(self._key),
                    timeout=(_CONNECT_S, self._timeout_s),
                    allow_redirects=False,
                    stream=True,
                    **body,
                )
                content = self._read(answer, deadline)
            except requests.RequestException as error:
                raise self._explain(error) from error
            except HTTPError as error:
                raise LostAnswerError(self._hidden(f"the answer broke off ({_innermost(error)})")) from error
        return self._judged(answer, content), wait_for_allowance(answer.headers)

    def _read(self, answer: requests.Response, deadline: float) -> bytes:
        content = bytearray()
        # What has arrived, not a full chunk: a trickle must not outlast the deadline.
        while chunk := answer.raw.read1(_CHUNK_BYTES, decode_content=True):
            content += chunk
            if len(content) > MAX_ANSWER_BYTES:
                raise LostAnswerError(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
            if time.monotonic() > deadline:
                raise LostAnswerError(f"the answer took longer than {self._timeout_s:g} s")
        return bytes(content)

    def _judged(self, answer: requests.Response, content: bytes) -> bytes:
        status = answer.status_code
        if status == 200:
            pictures_in(content)
            return content
        code, said = error_in(content)
        why = self._hidden(f"the API answered {status}{f' {code}' if code else ''}{f': {said}' if said else ''}")
        plain = code.lower().replace("_", "")
        if plain in _POLICY_CODES or status == 451:
            raise PolicyRefusalError(why)
        if plain in _PURSE_CODES:
            raise TrainingError(f"{why}: look after your account, then run the same command again")
        if status in (401, 403):
            where = "no key was given" if self._key is None else f"the key is {self._key.origin}"
            raise TrainingError(f"{why} ({where}): correct the key, then run the same command again")
        if status == 404 or 300 <= status < 400:
            raise TrainingError(f"{why}, at {self.base_url}: check --base-url and --model")
        if status in _GATEWAY_TIMEOUTS:
            raise LostAnswerError(why)
        if status in _WORTH_ANOTHER_TRY:
            wait_s = wait_asked_for(answer.headers)
            raise PassingError(why, wait_s=wait_for_allowance(answer.headers) if wait_s is None else wait_s)
        raise BadRequestError(why)

    def _explain(self, error: requests.RequestException) -> AnswerError | TrainingError:
        why = self._hidden(f"the connection failed ({_innermost(error)})")
        if isinstance(error, requests.exceptions.SSLError):
            return TrainingError(f"{why}, at {self.base_url}: check the address and its certificate")
        if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
            return TrainingError(f"{why}, at {self.base_url}: check --base-url and the key")
        return PassingError(why) if _was_never_sent(error) else LostAnswerError(why)

    def _hidden(self, text: str) -> str:
        return text if self._key is None else self._key.hide_in(text)


class _Bearer(requests.auth.AuthBase):
    """Sets the key; without one, keeps `requests` from looking into ~/.netrc for another."""

    def __init__(self, key: ApiKey | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key is not None:
            request.headers["Authorization"] = f"Bearer {self._key.value}"
        return request


def _fields_of(request: ImageRequest, settings: Settings) -> dict[str, Any]:
    fields: dict[str, Any] = {"model": settings.model, "n": len(request.slots)}
    wanted = {"prompt": request.subject.prompt, "size": settings.size, "quality": settings.quality}
    fields |= {name: value for name, value in wanted.items() if value}
    return fields | {name: json.loads(value) for name, value in settings.more}


def _multipart(fields: Mapping[str, Any], base: bytes) -> dict[str, Any]:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return {"data": texts, "files": {"image": ("image.png", base, "image/png")}}


def _was_never_sent(error: requests.RequestException) -> bool:
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(cause, NewConnectionError | NameResolutionError)


def _innermost(error: BaseException) -> str:
    """What happened, without the layers that passed it on."""
    while error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
