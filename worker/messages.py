"""Reads what lies in a queue: of a message it takes the scan's id, and none of the sender's other wishes.

Whoever can write to the broker could ask Celery for much: a time limit that kills the process which judges, a start in
the year 9999, tasks to call next, a compressed body of gigabytes. So each message is made anew from the id alone.
"""

import base64
import json
import uuid
from typing import Any

from worker.app import QUEUES, TASK_NAME

MAX_MESSAGE_CHARACTERS = 16_384
"""Ours have about a thousand."""

# PostgreSQL's and SQLite's largest id.
LARGEST_ID = 2**63 - 1
_NO_EMBEDDED_TASKS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


class ForgedMessageError(ValueError):
    """What lies in the queue is no message that we send."""


def read_message(text: str | bytes) -> Any:
    """A queue's entry as the transport wants it; what is not an object is the transport's own and left alone.

    Raises:
        ForgedMessageError: it is too large, no JSON, or no message that names a scan.
    """
    if len(text) > MAX_MESSAGE_CHARACTERS:
        raise ForgedMessageError(f"it has {len(text)} characters, the limit is {MAX_MESSAGE_CHARACTERS}")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ForgedMessageError("it is no JSON") from error
    return make_message(_scan_id_of(found), queue=_queue_of(found)) if isinstance(found, dict) else found


def make_message(scan_id: int, *, queue: str) -> dict[str, Any]:
    """The message that asks for a scan, in Celery's second protocol, under an id of its own."""
    task_id = str(uuid.uuid4())
    body = json.dumps([[scan_id], {}, _NO_EMBEDDED_TASKS]).encode()
    return {
        "body": base64.b64encode(body).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": TASK_NAME,
            "id": task_id,
            "root_id": task_id,
            "parent_id": None,
            "group": None,
            "retries": 0,
            "eta": None,
            "expires": None,
            "timelimit": [None, None],
            "argsrepr": f"({scan_id},)",
            "kwargsrepr": "{}",
            "origin": "",
        },
        "properties": {
            "correlation_id": task_id,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        },
    }


def _scan_id_of(found: dict[str, Any]) -> int:
    try:
        headers, properties = found["headers"], found["properties"]
        is_ours = (
            found["content-type"] == "application/json"
            and headers["task"] == TASK_NAME
            and properties["body_encoding"] == "base64"
            and "compression" not in headers
        )
        arguments, named, _ = json.loads(base64.b64decode(found["body"], validate=True))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ForgedMessageError("it has not the form of a message") from error
    if not is_ours or named or not isinstance(arguments, list) or len(arguments) != 1:
        raise ForgedMessageError("it asks for something else than a scan")
    scan_id = arguments[0]
    # bool is an int, and no id.
    if type(scan_id) is not int or not 0 < scan_id <= LARGEST_ID:
        raise ForgedMessageError("it names no scan")
    return scan_id


def _queue_of(found: dict[str, Any]) -> str:
    """Where the message came from by its own word, which only says where it goes back to."""
    information = found["properties"].get("delivery_info")
    queue = information.get("routing_key") if isinstance(information, dict) else None
    return queue if queue in QUEUES else QUEUES[-1]
