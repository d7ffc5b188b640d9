"""The Celery app: its queues, the one task's name, and how many messages wait.

Imports no task and no network, so that whoever only sends stays light.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from celery import Celery
from kombu.entity import Queue
from kombu.exceptions import KombuError

from worker.broker import BrokerError
from worker.settings import Settings, mask_url

QUEUES = ("interactive", "bulk")
"""The most urgent first; while the first holds messages, the second waits."""

TASK_NAME = "fakesweep.scan_video"

# A task may wait for another video to end its time alone in the worker, after those before it ended; then it
# runs itself. Celery's limit lies above all that: it is the last resort, after the worker's own.
WAITS_AND_RUN = 3
TASK_LIMIT_SLACK_S = 300.0
# Longer than it takes a process to learn that two network hosts hang, one after the other, and to go on without.
CHILD_START_LIMIT_S = 300.0
# Twice that, as it is asked again, and the pause after it are shorter than the gap after which leases prove nothing.
SILENCE_S = 3.0
MEMORY_LIMIT_MB = 1500
MEMORY_LIMIT_ON_GPU_MB = 8000


def make_app(broker_url: str, settings: Settings, *, is_worker: bool = False) -> Celery:
    """An app that talks to this broker; connects when first used.

    Args:
        is_worker: whether it waits for messages, as long as it takes. Who sends or counts them takes a broker that says
            nothing for `SILENCE_S` for one that is away.
    """
    app = Celery("fakesweep", broker=broker_url, backend="disabled://", set_as_current=False)
    app.conf.update(_configuration(settings))
    if not is_worker:
        app.conf.broker_transport_options |= {"socket_timeout": SILENCE_S, "socket_connect_timeout": SILENCE_S}
    return app


def child_memory_limit_mb(settings: Settings) -> int:
    """Resident megabytes after which a pool process is replaced."""
    if settings.max_memory_mb is not None:
        return settings.max_memory_mb
    # TensorFlow with CUDA takes gigabytes from the start; it must not be loaded anew for each video.
    may_use_gpu = settings.device != "cpu" and next(Path("/dev").glob("nvidia[0-9]*"), None) is not None
    return MEMORY_LIMIT_ON_GPU_MB if may_use_gpu or settings.device == "gpu" else MEMORY_LIMIT_MB


def count_messages(app: Celery, queues: Sequence[str] = QUEUES) -> int:
    """How many messages wait in the queues, those that workers hold not among them.

    Raises:
        BrokerError: the broker does not answer.
    """
    with app.connection_for_read() as connection:
        troubles: tuple[type[Exception], ...] = (KombuError, OSError, *connection.connection_errors)
        try:
            connection.ensure_connection(max_retries=1, interval_start=0.1, timeout=5)
            channel = connection.default_channel
            return sum(channel.queue_declare(queue=name).message_count for name in queues)
        except troubles as error:
            raise unreachable(app, error) from error


def unreachable(app: Any, error: Exception) -> BrokerError:
    """What is raised where the broker of an app does not answer."""
    return BrokerError(
        f"the broker at {mask_url(app.conf.broker_url)} does not answer ({error}): start it, or correct "
        "FAKESWEEP_BROKER_URL"
    )


def _configuration(settings: Settings) -> dict[str, Any]:
    task_limit_s = WAITS_AND_RUN * settings.time_limit_s + TASK_LIMIT_SLACK_S
    return {
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_accept_content": ["json"],
        "task_queues": [Queue(name, routing_key=name) for name in QUEUES],  # type: ignore[no-untyped-call]
        "task_default_queue": QUEUES[-1],
        "task_create_missing_queues": False,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        # Acknowledged at the end, so that a message outlives its worker. A lost child's message is
        # acknowledged too: the lease in SQL brings the scan back, and it alone.
        "task_acks_late": True,
        "task_reject_on_worker_lost": False,
        "task_time_limit": task_limit_s,
        "worker_prefetch_multiplier": 1,
        "worker_proc_alive_timeout": CHILD_START_LIMIT_S,
        "worker_lost_wait": 1.0,
        "worker_max_tasks_per_child": settings.max_scans,
        # Celery looks after each task, and at the most that a process ever held.
        "worker_max_memory_per_child": child_memory_limit_mb(settings) * 1024,
        "worker_soft_shutdown_timeout": settings.grace_s,
        "worker_send_task_events": settings.tells_celery_events,
        # Whoever can write to the broker shall not be able to steer workers.
        "worker_enable_remote_control": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": 5,
        "broker_transport_options": {
            # The lease brings back what a dead worker held; this is for messages whose scan still waits.
            "visibility_timeout": task_limit_s + TASK_LIMIT_SLACK_S,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "health_check_interval": 25,
            "socket_keepalive": True,
            # A Redis that others use too may have queues of these names.
            "global_keyprefix": "fakesweep:",
            "queue_order_strategy": "priority",
            "priority_steps": [0],
        },
        "task_publish_retry_policy": {"max_retries": 3, "interval_start": 0.1, "interval_step": 0.3},
    }
