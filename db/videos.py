"""One video: found by what a person types, and told with all that is known of it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.background import describe_file, describe_lease, describe_reviews
from db.findings import describe_path, describe_video, read_findings
from db.headers import iso_time
from db.judging import settle_judging
from db.known_files import path_key
from db.outcomes import SCORE_COLUMNS
from db.registry import read_classifier
from db.reviews import list_reviews
from db.tables.batches import Batch, Entry
from db.tables.classifiers import Classifier
from db.tables.contents import KnownFile, Video
from db.tables.scans import Scan
from db.verdicts import Thresholds

_SHORTEST_PREFIX = 4
_PATHS = 100
_ID_DIGITS = 18
_HEX = frozenset("0123456789abcdef")


def find_videos(session: Session, wanted: str, *, limit: int = 10) -> list[int]:
    """The ids of the videos that a person may mean: by path, else by id, else by the start of the hash."""
    path = os.fsencode(os.path.normpath(Path(wanted).absolute()))
    by_path = session.scalar(select(KnownFile.video_id).where(KnownFile.path_sha256 == path_key(path)))
    if by_path is not None:
        return [by_path]
    if wanted.isdecimal() and len(wanted) <= _ID_DIGITS and session.get(Video, int(wanted)) is not None:
        return [int(wanted)]
    prefix = wanted.lower()
    if len(prefix) < _SHORTEST_PREFIX or not _HEX.issuperset(prefix):
        return []
    # A range, not LIKE: only so is the index used on every database and locale.
    matches = select(Video.id).where(Video.sha256 >= prefix, Video.sha256 < prefix + "g")
    return list(session.scalars(matches.order_by(Video.sha256).limit(limit)))


def read_video(
    session: Session, video_id: int, *, aggregate: str | None = None, thresholds: Thresholds | None = None
) -> dict[str, Any] | None:
    """All that is known of a video: its latest scan as in a report, its paths, earlier scans and reviews.

    Returns:
        None where no scan of it exists.

    Raises:
        ValueError: an aggregation that nobody knows.
    """
    newest = select(Entry).where(Entry.video_id == video_id).order_by(Entry.id.desc()).limit(1)
    entry = session.scalar(newest)
    if entry is None:
        return None
    scan = session.get(Scan, entry.scan_id)
    video = session.get(Video, video_id)
    batch = session.get(Batch, entry.batch_id)
    classifier = None if batch is None else read_classifier(session, batch.classifier_id)
    if scan is None or video is None or batch is None or classifier is None:
        return None
    chosen = aggregate or batch.options.get("aggregate", "mean")
    judging = settle_judging(classifier, chosen, thresholds)
    findings = read_findings(session, [scan.id], with_frames=True)
    return {
        "id": video_id,
        **describe_video(entry, scan, video, judging, findings),
        **describe_file(video),
        "scan": describe_lease(scan),
        "scores": {name: getattr(scan, column.key) for name, column in SCORE_COLUMNS.items()},
        "evidence": scan.evidence,
        "batch": {"id": batch.id, "name": batch.name},
        "classifier": {
            "name": classifier.name,
            "version": classifier.version,
            "sha256": classifier.sha256,
            "runtime": scan.runtime,
        },
        "options": {**batch.options, "aggregate": judging.aggregate},
        "thresholds": vars(judging.thresholds),
        "paths": _read_paths(session, video_id),
        "scans": _read_scans(session, video_id),
        "reviews": describe_reviews(list_reviews(session, video_id)),
    }


@dataclass(frozen=True)
class Content:
    """What a video's file is, and where it was found, the latest place first."""

    sha256: str
    size_bytes: int
    paths: tuple[bytes, ...]


def read_content(session: Session, video_id: int) -> Content | None:
    """Where a video's file may lie; None where there is no such video."""
    video = session.get(Video, video_id)
    if video is None:
        return None
    newest = select(Entry.path).where(Entry.video_id == video_id).order_by(Entry.id.desc()).limit(1)
    known = select(KnownFile.path).where(KnownFile.video_id == video_id).order_by(KnownFile.id.desc()).limit(_PATHS)
    paths = dict.fromkeys([*session.scalars(newest), *session.scalars(known)])
    return Content(video.sha256, video.size_bytes, tuple(paths))


def find_shown_scan(session: Session, video_id: int) -> tuple[int, int] | None:
    """The scan that `read_video` tells of, and the fencing token that it ended under; None where there is none."""
    newest = select(Entry.scan_id).where(Entry.video_id == video_id).order_by(Entry.id.desc()).limit(1)
    found = session.execute(select(Scan.id, Scan.token).where(Scan.id == newest.scalar_subquery())).first()
    return None if found is None else (found.id, found.token)


def _read_paths(session: Session, video_id: int) -> list[dict[str, str]]:
    """Where it was found, the latest first, each path once."""
    query = select(KnownFile.path).where(KnownFile.video_id == video_id).order_by(KnownFile.id.desc())
    return [describe_path(path) for path in session.scalars(query.limit(_PATHS))]


def _read_scans(session: Session, video_id: int) -> list[dict[str, Any]]:
    """Every scan of it, the latest first."""
    rows = session.execute(
        select(Scan, Classifier.name, Classifier.version)
        .join(Classifier, Classifier.id == Scan.classifier_id)
        .where(Scan.video_id == video_id)
        .order_by(Scan.id.desc())
    )
    return [
        {
            "id": scan.id,
            "classifier": {"name": name, "version": version},
            "options": {"frames": scan.frames, "max_frames": scan.max_frames},
            "state": scan.state,
            "reason": scan.reason,
            "scores": {key: getattr(scan, column.key) for key, column in SCORE_COLUMNS.items()},
            "finished_at": iso_time(scan.finished_at),
        }
        for scan, name, version in rows
    ]
