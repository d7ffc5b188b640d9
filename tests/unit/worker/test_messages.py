"""Of a message nothing is believed but the id of a scan."""

import base64
import json
from typing import Any

import pytest

from worker.messages import MAX_MESSAGE_CHARACTERS, ForgedMessageError, make_message, read_message


def _sent(**headers: Any) -> dict[str, Any]:
    message = make_message(7, queue="bulk")
    message["headers"].update(headers)
    return message


def _with_body(body: object) -> str:
    message = _sent()
    message["body"] = base64.b64encode(json.dumps(body).encode()).decode()
    return json.dumps(message)


def _body_of(message: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(message["body"]))


def test_the_id_and_the_queue_come_through() -> None:
    """What was sent for a scan asks for that scan."""
    message = read_message(json.dumps(make_message(7, queue="interactive")))

    assert _body_of(message)[:2] == [[7], {}]
    assert message["headers"]["task"] == "fakesweep.scan_video"
    assert message["properties"]["delivery_info"]["routing_key"] == "interactive"


@pytest.mark.parametrize(
    ("wish", "value", "granted"),
    [
        ("timelimit", [0.1, 0.1], [None, None]),
        ("eta", "9999-01-01T00:00:00Z", None),
        ("expires", "1999-01-01T00:00:00Z", None),
        ("retries", 10**9, 0),
        ("group", "x", None),
        ("lang", "c", "py"),
    ],
)
def test_a_wish_is_not_granted(wish: str, value: object, granted: object) -> None:
    """Time limits, dates and the like are ours to set, whatever the message says."""
    assert read_message(json.dumps(_sent(**{wish: value})))["headers"][wish] == granted


def test_tasks_to_call_next_are_left_out() -> None:
    """A message cannot make the worker send other messages."""
    body = [[7], {}, {"callbacks": [{"task": "x"}], "chain": [{"task": "y"}]}]

    assert _body_of(read_message(_with_body(body)))[2] == {
        "callbacks": None,
        "errbacks": None,
        "chain": None,
        "chord": None,
    }


def test_numbers_of_messages_are_ours() -> None:
    """Two messages under one number could acknowledge each other: each gets its own."""
    sent = json.dumps(_sent(id="1", root_id="1"))
    one, other = read_message(sent), read_message(sent)

    assert one["headers"]["id"] not in ("1", other["headers"]["id"])
    assert one["properties"]["delivery_tag"] != other["properties"]["delivery_tag"]


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "{}",
        '{"body": 1}',
        "[" * 10_000,
        " " * MAX_MESSAGE_CHARACTERS + "{}",
        json.dumps(_sent(task="os.system")),
        json.dumps(_sent(compression="application/x-gzip")),
        json.dumps({**_sent(), "content-type": "application/x-python-serialize"}),
        json.dumps({**_sent(), "headers": None}),
        json.dumps({**_sent(), "body": "?"}),
        _with_body([[], {}, {}]),
        _with_body([["7"], {}, {}]),
        _with_body([[True], {}, {}]),
        _with_body([[-1], {}, {}]),
        _with_body([[2**70], {}, {}]),
        _with_body([[1.0], {}, {}]),
        _with_body([[1, 2], {}, {}]),
        _with_body([[1], {"scan_id": 2}, {}]),
        _with_body({"a": 1}),
        _with_body(None),
    ],
)
def test_what_is_no_message_of_ours_is_refused(text: str) -> None:
    """Other tasks, other formats, other arguments, and what is too large to be looked at."""
    with pytest.raises(ForgedMessageError):
        read_message(text)


def test_the_transport_s_own_notes_are_left_alone() -> None:
    """Messages that a worker holds are noted as lists, which the transport reads back the same way."""
    assert read_message('[{"body": "x"}, "", "bulk"]') == [{"body": "x"}, "", "bulk"]
