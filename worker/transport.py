"""Keeps a worker alive and unmoved when the queue holds what is no message of ours.

Celery's consumer ends on what it cannot read, and takes the running scans along; what it can read, it obeys.
"""

import logging
from typing import Any

from kombu.transport import redis

from worker.messages import read_message

_log = logging.getLogger(__name__)


def drop_garbage() -> None:
    """From now on, connections of this process drop what is no message of ours, and obey nothing in it but the id."""
    # What the transport reads entries of queues with; it writes them with `dumps`, which stays.
    redis.loads = read_message  # type: ignore[attr-defined,assignment]
    for transport in (redis.Transport, redis.SentinelTransport):
        if not issubclass(transport.Channel, _Tolerant):
            transport.Channel = type("TolerantChannel", (_Tolerant, transport.Channel), {})  # type: ignore[assignment]


class _FreeingQoS(redis.QoS):
    """Counts a message as dealt with, though the broker was away when it was to be told.

    Otherwise its place stays taken: when all are, the worker asks for no more messages, and so never notices that its
    connection is gone. The broker delivers such a message again, and its scan is not to be had a second time.
    """

    def ack(self, delivery_tag: str) -> None:
        """Tells the broker that a message is done."""
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        finally:
            self._quick_ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature
        """Tells the broker that a message is not wanted."""
        try:
            super().reject(delivery_tag, requeue)  # type: ignore[no-untyped-call]
        finally:
            self._quick_ack(delivery_tag)


class _Tolerant:
    """What a channel does differently; the queue's entry is gone from the broker by then."""

    QoS = _FreeingQoS

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("dropped what is no message of ours: %s", error if str(error) else type(error).__name__)
            return True
