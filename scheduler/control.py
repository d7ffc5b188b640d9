"""Stops a batch, or tries again what did not end well."""

from collections.abc import Sequence
from dataclasses import dataclass

from db.session import Database
from db.steering import Cancelled, cancel_scans, count_without_content, retry_scans

__all__ = ["Cancelled", "Retried", "cancel_batch", "retry_batch"]


@dataclass(frozen=True)
class Retried:
    """What a retry came to.

    Args:
        requeued: scans that wait again.
        without_content: entries in these states that have no content; their paths must be submitted anew.
    """

    requeued: int
    without_content: int


def cancel_batch(database: Database, batch_id: int) -> Cancelled:
    """Cancels the scans of a batch that wait or run, and that no other uncancelled batch wants."""
    with database.begin() as session:
        return cancel_scans(session, batch_id)


def retry_batch(database: Database, batch_id: int, states: Sequence[str] = ("failed",)) -> Retried:
    """Queues the scans of a batch anew that ended in one of `states`; send them with `send_waiting`.

    Raises:
        ValueError: a state from which nothing is tried again.
    """
    with database.begin() as session:
        requeued = retry_scans(session, batch_id, states)
        return Retried(requeued, count_without_content(session, batch_id, states))
