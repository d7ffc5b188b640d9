"""Rows that tests of the database and the scheduler begin with."""

import hashlib
from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.batches import create_batch
from db.clock import db_now
from db.entries import ContentEntry, UnreadEntry, write_entries
from db.known_files import FileStamp
from db.leases import claim_scan, save_outcome
from db.linking import ScanWish
from db.outcomes import Outcome, OutcomeFace, OutcomeFacts, OutcomeFrame, OutcomeTrack
from db.registry import activate_classifier, register_classifier
from db.session import Database
from db.tables.batches import Entry
from db.tables.scans import Scan

AGGREGATIONS = ("mean", "top-k", "confident", "max-track")


def seed_classifier(database: Database, *, version: str = "1") -> int:
    """An active classifier: fake from 0.8, real below 0.3, by every aggregation."""
    thresholds = {name: {"real_below": 0.3, "fake_from": 0.8} for name in AGGREGATIONS}
    manifest = {"name": "test", "version": version, "thresholds": thresholds}
    with database.begin() as session:
        sha256 = hashlib.sha256(version.encode()).hexdigest()
        classifier_id = register_classifier(session, manifest=manifest, path=f"/classifiers/{version}", sha256=sha256)
        activate_classifier(session, classifier_id)
    return classifier_id


def seed_batch(
    database: Database,
    classifier_id: int,
    contents: Sequence[str],
    *,
    name: str = "batch",
    priority: str = "bulk",
    frames: int = 16,
    unread: int = 0,
    force: bool = False,
    outdated_only: bool = False,
) -> int:
    """A batch with an entry per content (equal texts are equal contents), and some without; its id."""
    wish = ScanWish(classifier_id, frames=frames, max_frames=256, priority=priority)
    chunk: list[ContentEntry | UnreadEntry] = [content_entry(position, text) for position, text in enumerate(contents)]
    chunk += [
        UnreadEntry(len(contents) + number, b"/gone/%d.mp4" % number, "missing", "there is no such file")
        for number in range(unread)
    ]
    with database.begin() as session:
        options = {"preset": "standard", "frames": frames, "max_frames": 256, "aggregate": "mean"}
        batch_id = create_batch(session, name=name, classifier_id=classifier_id, options=options, priority=priority)
        write_entries(session, batch_id, wish, chunk, force=force, outdated_only=outdated_only)
    return batch_id


def content_entry(position: int, text: str, *, folder: str = "/videos") -> ContentEntry:
    """The entry of a file whose content is `text`."""
    stamp = FileStamp(f"{folder}/{text}.mp4".encode(), size_bytes=len(text), mtime_ns=1_000)
    return ContentEntry(position, stamp, hashlib.sha256(text.encode()).hexdigest(), mtime_ns=1_000)


def scan_ids(database: Database, batch_id: int) -> list[int]:
    """The scans of a batch, in the order of its entries."""
    with database.read() as session:
        query = select(Entry.scan_id).where(Entry.batch_id == batch_id, Entry.scan_id.is_not(None))
        return [scan_id for scan_id in session.scalars(query.order_by(Entry.position)) if scan_id is not None]


def read_scan(database: Database, scan_id: int) -> Scan:
    """The row of a scan as it is now."""
    with database.read() as session:
        return session.scalars(select(Scan).where(Scan.id == scan_id)).one()


def end_scan(database: Database, scan_id: int, outcome: Outcome, *, worker: str = "w") -> int:
    """Lets a worker claim a scan and end it so; its fencing token."""
    with database.begin() as session:
        claim = claim_scan(session, scan_id, worker=worker, lease_s=60.0, alone=True)
        assert claim is not None, f"scan {scan_id} does not wait"
        assert save_outcome(session, scan_id, claim.token, outcome)
    return claim.token


def expire_lease(session: Session, scan_id: int) -> None:
    """Lets a lease have run out a second ago."""
    session.execute(update(Scan).where(Scan.id == scan_id).values(lease_expires_at=db_now() - 1.0))


def judged(score: float, *, track_score: float | None = None) -> Outcome:
    """An outcome with one face in the first of two frames."""
    face = OutcomeFace(10.0, 20.0, 64.0, 80.0, detection=0.9, logit=1.5, score=score, track=0)
    other = score if track_score is None else track_score
    return Outcome(
        state="judged",
        scores={"mean": score, "top-k": score, "confident": score, "max-track": other},
        facts=OutcomeFacts(12.5, 1280, 720, "h264", "mov,mp4", 25.0, 0),
        frames=(OutcomeFrame(0.5, score, (face,)), OutcomeFrame(1.5, None)),
        tracks=(OutcomeTrack(0, 1, score),),
        seconds={"probe": 0.1, "decode": 0.2, "detect": 0.3, "classify": 0.4, "total": 1.0},
        runtime="openvino",
    )
