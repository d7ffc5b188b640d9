"""What stands behind a video of a report beside the contract's fields: its scan's lease, its file, its reviews."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.headers import iso_time
from db.reviews import ReviewRecord
from db.tables.contents import Video
from db.tables.people import Review
from db.tables.scans import Scan

_FILE = ("size_bytes", "container", "frame_rate", "rotation_deg")


def describe_file(video: Video | None) -> dict[str, Any]:
    """What is known of the file itself; None where there is no content."""
    return {name: getattr(video, name, None) for name in _FILE}


def describe_lease(scan: Scan | None) -> dict[str, int] | None:
    """The scan and its fencing token, by which its evidence is found; None where there is no scan."""
    return None if scan is None else {"id": scan.id, "token": scan.token}


def describe_reviews(reviews: Iterable[ReviewRecord]) -> list[dict[str, Any]]:
    """Labels as the JSON has them."""
    return [{**vars(review), "created_at": iso_time(review.created_at)} for review in reviews]


def read_reviews_of(session: Session, video_ids: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """The labels of some videos, the latest first, in one query."""
    found: dict[int, list[ReviewRecord]] = defaultdict(list)
    ids = list(video_ids)
    if ids:
        for row in session.scalars(select(Review).where(Review.video_id.in_(ids)).order_by(Review.id.desc())):
            found[row.video_id].append(ReviewRecord(row.id, row.label, row.note, row.reviewer, row.created_at))
    return {video_id: describe_reviews(reviews) for video_id, reviews in found.items()}
