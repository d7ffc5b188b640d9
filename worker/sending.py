"""Puts the ids of scans into the broker's queues, many in one journey.

The messages are the ones that a worker makes of what it finds there anyway, so Celery need not make others.
"""

import json
from collections.abc import Sequence

from celery import Celery
from kombu.exceptions import KombuError

from worker.app import QUEUES, unreachable
from worker.messages import make_message


def send_scans(app: Celery, scan_ids: Sequence[int], queue: str) -> None:
    """Puts the ids of scans into a queue; call it after their rows are committed.

    Should the broker go away meanwhile, nobody knows whether it has them: they are to be sent again, and of a message
    that comes twice the second one claims nothing.

    Raises:
        BrokerError: the broker does not take them.
    """
    if queue not in QUEUES:
        raise ValueError(f"queue must be one of {', '.join(QUEUES)}, got {queue!r}")
    if not scan_ids:
        return
    messages = [json.dumps(make_message(scan_id, queue=queue)) for scan_id in scan_ids]
    try:
        with app.producer_or_acquire() as producer:

            def push() -> None:
                producer.channel.client.lpush(queue, *messages)

            producer.connection.ensure(producer, push, **app.conf.task_publish_retry_policy)()
    except (KombuError, OSError) as error:
        raise unreachable(app, error) from error
