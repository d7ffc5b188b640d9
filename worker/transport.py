"""Keeps a worker alive when the queue holds what is no message at all.

Celery's consumer ends on it, and takes the running scans along.
"""

import logging
from typing import Any

from kombu.transport import redis

_log = logging.getLogger(__name__)


def drop_garbage() -> None:
    """From now on, connections of this process drop what cannot be read as a message."""
    for transport in (redis.Transport, redis.SentinelTransport):
        if not issubclass(transport.Channel, _Tolerant):
            transport.Channel = type("TolerantChannel", (_Tolerant, transport.Channel), {})  # type: ignore[assignment]


class _Tolerant:
    """What a channel does differently; the queue's entry is gone from the broker by then."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("dropped what is no message: %s", type(error).__name__)
            return True
