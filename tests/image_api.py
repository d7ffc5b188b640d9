"""A loopback image API that speaks OpenAI's protocol: checks the key and the fields, counts what it charges for."""

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from email import message_from_bytes
from typing import Any

import cv2
import numpy as np

from tests.http_server import Call, LoopbackServer, Reply
from tests.unit.training.faces import draw_face

KEY = "sk-test-0123456789abcdef"

Behaviour = Callable[["ImageApiServer", Call], Reply]


def png_of(seed: int) -> bytes:
    """A drawn face that differs from all others."""
    return bytes(cv2.imencode(".png", np.ascontiguousarray(draw_face(seed, is_fake=True)[:, :, ::-1]))[1])


def error_reply(
    status: int, *, code: str | None, message: str, headers: Mapping[str, str] | None = None, kind: str = "error"
) -> Reply:
    """An error as OpenAI writes it."""
    body = json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()
    return Reply(status, body, {"Content-Type": "application/json", **(headers or {})})


class ImageApiServer(LoopbackServer):
    """Answers with pictures; behaviours that were given beforehand come first, one for each request.

    Args:
        behaviours: for the first requests.
        form: "b64_json" or "url", where a request does not say.
        takes_s: how long a picture takes.
    """

    def __init__(self, *behaviours: Behaviour, form: str = "b64_json", takes_s: float = 0.0) -> None:
        super().__init__(self._judge)
        self.charged: Counter[str] = Counter()
        self.fields: list[dict[str, Any]] = []
        self.files: list[bytes] = []
        self._behaviours = list(behaviours)
        self._form = form
        self._takes_s = takes_s
        self._made = 0
        self._made_lock = threading.Lock()
        self.base_url = f"{self.url}/v1"

    def __enter__(self) -> "ImageApiServer":
        super().__enter__()
        return self

    def do_next(self, behaviour: Behaviour) -> None:
        """What it does with the next request that is right."""
        self._behaviours.append(behaviour)

    def pictures(self, call: Call, *, form: str | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        """An answer with as many pictures as were asked for, each charged for."""
        fields = self.fields[-1]
        count = int(fields.get("n", 1))
        with self._made_lock:
            numbers = range(self._made, self._made + count)
            self._made += count
        time.sleep(self._takes_s)
        self.charged[call.headers.get("idempotency-key", "")] += count
        form = form or str(fields.get("response_format", self._form))
        if form == "url":
            data: list[dict[str, str]] = [{"url": f"{self.url}/files/{number}.png?sig=abc"} for number in numbers]
        else:
            data = [{"b64_json": base64.b64encode(png_of(number)).decode()} for number in numbers]
        body = json.dumps({"created": 1_700_000_000, "data": data}).encode()
        return Reply(200, body, {"Content-Type": "application/json", **(headers or {})})

    def _judge(self, call: Call) -> Reply:
        if call.method == "GET" and call.path.startswith("/files/"):
            return Reply(200, png_of(int(call.path.split("/")[2].split(".")[0])), {"Content-Type": "image/png"})
        operation = call.path.removeprefix("/v1/images/")
        if call.method != "POST" or operation not in ("generations", "variations", "edits"):
            return error_reply(404, code=None, message=f"Unknown request URL: {call.method} {call.path}.")
        if call.headers.get("authorization") != f"Bearer {KEY}":
            shown = call.headers.get("authorization", "")
            return error_reply(401, code="invalid_api_key", message=f"Incorrect API key provided: {shown}.")
        fields, image = _read(call)
        wrong = _complaint(operation, fields, image)
        if wrong:
            return error_reply(400, code=None, message=wrong, kind="invalid_request_error")
        self.fields.append(fields)
        self.files += [] if image is None else [image]
        return self._behaviours.pop(0)(self, call) if self._behaviours else self.pictures(call)


def answer_with(status: int, *, code: str | None = None, headers: Mapping[str, str] | None = None) -> Behaviour:
    """An error."""
    return lambda _server, _call: error_reply(status, code=code, message=f"as told: {code}", headers=headers)


def answer_pictures(*, form: str | None = None, headers: Mapping[str, str] | None = None) -> Behaviour:
    """Pictures, with more headers."""
    return lambda server, call: server.pictures(call, form=form, headers=headers)


def drop(server: ImageApiServer, call: Call) -> Reply:
    """The pictures are made and charged for, and the connection breaks before the answer."""
    server.pictures(call)
    return Reply(is_dropped=True)


def cut_short(server: ImageApiServer, call: Call) -> Reply:
    """The pictures are made and charged for, and the answer breaks off in its middle."""
    whole = server.pictures(call)
    return Reply(200, whole.body[: len(whole.body) // 2], whole.headers, claimed=len(whole.body))


def _read(call: Call) -> tuple[dict[str, Any], bytes | None]:
    kind = call.headers.get("content-type", "")
    if kind.startswith("application/json"):
        return json.loads(call.body), None
    message = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + call.body)
    fields: dict[str, Any] = {}
    image = None
    for part in message.get_payload():
        name = part.get_param("name", header="Content-Disposition")
        content = part.get_payload(decode=True)
        if name == "image":
            image = content
        else:
            fields[name] = content.decode()
    return fields, image


def _complaint(operation: str, fields: Mapping[str, Any], image: bytes | None) -> str:
    """What OpenAI would find wrong with a request."""
    wrongs = {
        "you must provide a model parameter": not fields.get("model"),
        f"{fields.get('n')} is not between 1 and 10 - 'n'": not 1 <= int(fields.get("n", 1)) <= 10,
        "Invalid value: 'response_format'": fields.get("response_format", "url") not in ("url", "b64_json"),
        "Missing required parameter: 'prompt'.": operation != "variations" and not fields.get("prompt"),
        "Additional properties are not allowed ('prompt')": operation == "variations" and "prompt" in fields,
        "Uploaded image must be a PNG and less than 4 MB.": operation != "generations" and not _is_small_png(image),
        "Uploaded image must be square.": operation == "variations" and not _is_square(image),
    }
    return next((complaint for complaint, is_wrong in wrongs.items() if is_wrong), "")


def _is_small_png(image: bytes | None) -> bool:
    return image is not None and image.startswith(b"\x89PNG") and len(image) < 4_000_000


def _is_square(image: bytes | None) -> bool:
    decoded = cv2.imdecode(np.frombuffer(image or b"\0", np.uint8), cv2.IMREAD_COLOR)
    return decoded is not None and decoded.shape[0] == decoded.shape[1]
