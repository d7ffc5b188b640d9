"""What a drill sends to the broker: ids once more, and what nobody of ours would send."""

import json
from contextlib import closing, suppress
from random import Random
from typing import Any

from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from worker.app import QUEUES, TASK_NAME, make_app
from worker.broker import BrokerError
from worker.sending import send_scans
from worker.settings import Settings

_AWAY = (BrokerError, KombuError, RedisError, OSError)
_FORGED_ARGUMENTS: tuple[tuple[Any, ...], ...] = ((), ("1",), (True,), (-1,), (2**70,), (1.0,), (1, 2), ({"a": "b"},))


class Messages:
    """The broker as somebody sees it who can write to it.

    Args:
        scans: how many there are at most; their ids begin at 1 in an installation of their own.
    """

    def __init__(self, settings: Settings, broker_url: str, *, scans: int) -> None:
        self._app = make_app(broker_url, settings)
        self._scans = scans

    def send_again(self, dice: Random) -> None:
        """Delivers ids of scans that wait, run or are done, each several times."""
        for scan_id in dice.sample(range(1, self._scans + 1), k=min(5, self._scans)):
            for _ in range(dice.randint(1, 4)):
                with suppress(*_AWAY):
                    send_scans(self._app, [scan_id], dice.choice(QUEUES))

    def forge(self, dice: Random) -> None:
        """Sends stale ids, wrong tasks, wishes that are not ours to have, and garbage."""
        with suppress(*_AWAY):
            self._app.send_task(TASK_NAME, args=dice.choice(_FORGED_ARGUMENTS), queue="bulk")
            self._app.send_task(TASK_NAME, args=(10**9 + dice.randint(0, 9),), queue="interactive")
            self._app.send_task("os.system", args=("true",), queue="bulk")
            scan_id = dice.randint(1, self._scans)
            self._app.send_task(TASK_NAME, args=(scan_id,), queue="bulk", time_limit=0.1, countdown=10**7)
            with self._app.connection_for_write() as connection:
                garbage = [b"no JSON", json.dumps({"body": 1}).encode(), b"[" * 5_000, b"x" * 100_000]
                connection.default_channel.client.lpush("interactive", dice.choice(garbage))

    def forget_all(self) -> None:
        """FLUSHALL: the broker is as if it had come back empty."""
        with suppress(*_AWAY), self._app.connection_for_write() as connection:
            connection.default_channel.client.flushall()

    def count_keys(self) -> int | None:
        """How many keys the broker holds; None while it does not answer."""
        with suppress(*_AWAY), self._app.connection_for_read() as connection:
            return int(connection.default_channel.client.dbsize())
        return None

    def memory_bytes(self) -> int | None:
        """What the broker says it has allocated; None while it does not answer."""
        with suppress(*_AWAY), self._app.connection_for_read() as connection:
            return int(connection.default_channel.client.info("memory")["used_memory"])
        return None

    def close(self) -> None:
        """Closes its connections."""
        with closing(self._app):
            pass
