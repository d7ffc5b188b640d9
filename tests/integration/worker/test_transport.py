"""What our channels do differently from kombu's, against a real broker that goes away."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from kombu import Consumer
from kombu.transport import redis as transport

from tests.services import ValkeyServer
from worker.app import make_app
from worker.sending import send_scans
from worker.settings import Settings
from worker.transport import drop_garbage


@pytest.fixture
def received(valkey: ValkeyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """A message in the hands of a consumer that takes one at a time, and its channel."""
    # Put back afterwards what is set for a whole process.
    monkeypatch.setattr(transport, "loads", transport.loads)
    for kind in (transport.Transport, transport.SentinelTransport):
        monkeypatch.setattr(kind, "Channel", kind.Channel)
    drop_garbage()
    app = make_app(valkey.url, Settings(home=tmp_path))
    send_scans(app, [7], "bulk")
    messages: list[Any] = []
    with app.connection_for_read() as connection:
        channel = connection.channel()
        channel.basic_qos(0, 1, apply_global=False)
        queues = [queue for queue in app.conf.task_queues if queue.name == "bulk"]
        with Consumer(channel, queues, accept=["json"], on_message=messages.append):
            connection.drain_events(timeout=10)
            yield messages[0], channel
    valkey.flush()


@pytest.mark.parametrize("answer", ["ack", "reject", "requeue"])
def test_a_message_that_could_not_be_answered_takes_no_place(
    received: tuple[Any, Any], valkey: ValkeyServer, answer: str
) -> None:
    """Otherwise a worker whose places are all taken asks for nothing more, and never learns that the broker is back."""
    message, channel = received
    assert not channel.qos.can_consume()

    valkey.stop()
    try:
        with pytest.raises(channel.connection_errors):
            getattr(message, answer)()

        assert channel.qos.can_consume()
    finally:
        valkey.start()


def test_a_message_that_was_answered_is_gone(received: tuple[Any, Any], valkey: ValkeyServer) -> None:
    """What was acknowledged in time is not kept by the broker for another delivery."""
    message, channel = received

    message.ack()

    assert channel.qos.can_consume()
    kept = redis.Redis.from_url(valkey.url).scan_iter("*unacked*")
    assert list(kept) == []
