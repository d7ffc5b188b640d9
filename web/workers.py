"""The workers that live, and what each judges now."""

from collections import defaultdict
from typing import Any

from db.findings import describe_path
from db.progress import RunningScan, read_running
from db.session import Database
from db.workers import live_workers


def read_workers(database: Database) -> list[dict[str, Any]]:
    """The workers as the API tells them."""
    with database.read() as session:
        workers = live_workers(session)
        scans = read_running(session)
    running: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for scan in scans:
        running[scan.worker].append(describe_running(scan))
    return [{**vars(worker), "running": running[worker.name]} for worker in workers]


def describe_running(scan: RunningScan) -> dict[str, Any]:
    """A scan under way."""
    return {
        "scan_id": scan.scan_id,
        **describe_path(scan.path),
        "stage": scan.stage,
        "progress": scan.progress,
        "attempt": scan.attempt,
        "elapsed_s": scan.elapsed_s,
    }
