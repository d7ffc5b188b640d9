"""The videos that people have reviewed, with the machine's verdict and the places where each may lie."""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.tables.batches import Entry
from db.tables.classifiers import Classifier
from db.tables.contents import KnownFile, Video
from db.tables.people import Review
from db.tables.scans import Scan
from db.verdicts import Verdict, thresholds_of, verdict_of

_AGGREGATE = "mean"


@dataclass(frozen=True)
class ReviewedVideo:
    """One reviewed content.

    Args:
        labels: the latest of each reviewer.
        paths: where it was seen, the latest first.
        batch_id: the first batch that it came in; None where it came in none.
        verdict: of its latest judged scan, by that classifier's own thresholds; None where it has none.
    """

    video_id: int
    sha256: str
    labels: tuple[str, ...]
    paths: tuple[bytes, ...]
    batch_id: int | None
    verdict: Verdict | None


def read_reviewed(session: Session) -> list[ReviewedVideo]:
    """Every reviewed video, in order of its first review."""
    labels: dict[int, dict[str | None, str]] = defaultdict(dict)
    rows = session.execute(select(Review.video_id, Review.reviewer, Review.label).order_by(Review.id))
    for video_id, reviewer, label in rows:
        # A later word of the same reviewer takes the place of the earlier one.
        labels[video_id][reviewer] = label
    reviewed = select(Review.video_id)
    hashes = dict(session.execute(select(Video.id, Video.sha256).where(Video.id.in_(reviewed))).all())
    batches = _read_batches(session)
    paths, verdicts = _read_paths(session), _read_verdicts(session)
    return [
        ReviewedVideo(
            video_id=video_id,
            sha256=hashes[video_id],
            labels=tuple(said.values()),
            paths=tuple(dict.fromkeys(paths[video_id])),
            batch_id=batches.get(video_id),
            verdict=verdicts.get(video_id),
        )
        for video_id, said in labels.items()
    ]


def _read_batches(session: Session) -> dict[int, int]:
    rows = session.execute(
        select(Entry.video_id, Entry.batch_id)
        .where(Entry.video_id.in_(select(Review.video_id)))
        .order_by(Entry.id.desc())
    )
    # The first one is written last.
    return {video_id: batch_id for video_id, batch_id in rows if video_id is not None}


def _read_paths(session: Session) -> dict[int, list[bytes]]:
    reviewed = select(Review.video_id)
    known = select(KnownFile.video_id, KnownFile.path).where(KnownFile.video_id.in_(reviewed))
    entered = select(Entry.video_id, Entry.path).where(Entry.video_id.in_(reviewed))
    found: dict[int, list[bytes]] = defaultdict(list)
    for query in (known.order_by(KnownFile.id.desc()), entered.order_by(Entry.id.desc())):
        for video_id, path in session.execute(query):
            if video_id is not None:
                found[video_id].append(path)
    return found


def _read_verdicts(session: Session) -> dict[int, Verdict]:
    rows = session.execute(
        select(Scan.video_id, Scan.score_mean, Classifier.manifest)
        .join(Classifier, Classifier.id == Scan.classifier_id)
        .where(Scan.state == "judged", Scan.video_id.in_(select(Review.video_id)))
        .order_by(Scan.finished_at, Scan.id)
    )
    return {
        video_id: verdict_of(score, thresholds_of(manifest, _AGGREGATE))
        for video_id, score, manifest in rows
        if score is not None
    }
