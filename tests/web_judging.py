"""Ends scans for tests of the web application, without a worker."""

from collections.abc import Sequence

from db.session import Database
from tests.seeding import end_scan, judged, scan_ids


def judge_all(database: Database, batch_id: int, scores: Sequence[float], *, skip: int = 0) -> None:
    """Judges the videos of a batch after the first `skip`, each with its score."""
    for scan_id, score in zip(scan_ids(database, batch_id)[skip:], scores, strict=False):
        end_scan(database, scan_id, judged(score), worker="tester")
