"""Ends scans for tests of the web application, without a worker."""

from collections.abc import Sequence

from db.leases import claim_scan, save_outcome
from db.session import Database
from tests.seeding import judged, scan_ids


def judge_all(database: Database, batch_id: int, scores: Sequence[float], *, skip: int = 0) -> None:
    """Judges the videos of a batch after the first `skip`, each with its score."""
    for scan_id, score in zip(scan_ids(database, batch_id)[skip:], scores, strict=False):
        with database.begin() as session:
            claim = claim_scan(session, scan_id, worker="tester", lease_s=20, alone=False)
            if claim is None:
                raise ValueError(f"scan {scan_id} does not wait")
            save_outcome(session, scan_id, claim.token, judged(score))
