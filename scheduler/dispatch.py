"""Sends the ids of waiting scans to the broker, after they were committed."""

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter

from db.reconciling import mark_unsent, take_unsent
from db.session import Database

Send = Callable[[Sequence[int], str], None]
"""Puts the ids of scans into a queue ("interactive" or "bulk") of the broker, all or none."""

_AT_ONCE = 500


def send_waiting(database: Database, send: Send) -> int:
    """Sends every scan that waits and was not sent yet, the interactive ones first; returns how many.

    A scan is marked before it is sent: of several senders one takes it, and one that dies in between leaves
    it to the reconciler. Should the broker refuse, the rest is unmarked and the broker's exception goes on.
    """
    sent = 0
    while True:
        with database.begin() as session:
            taken = take_unsent(session, limit=_AT_ONCE)
        waiting = [scan_id for scan_id, _ in taken]
        for queue, group in groupby(taken, key=itemgetter(1)):
            scan_ids = [scan_id for scan_id, _ in group]
            try:
                send(scan_ids, queue)
            except BaseException:
                with database.begin() as session:
                    mark_unsent(session, waiting)
                raise
            del waiting[: len(scan_ids)]
        sent += len(taken)
        if len(taken) < _AT_ONCE:
            return sent
