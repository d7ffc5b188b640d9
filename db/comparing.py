"""What two classifiers say of the videos of one batch, as far as both have judged them."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.batches import BatchRecord
from db.linking import ScanWish
from db.outcomes import SCORE_COLUMNS
from db.tables.batches import Entry
from db.tables.contents import Video
from db.tables.people import Review
from db.tables.scans import Scan

JUDGED_STATES = ("judged", "no_face", "unreadable", "quarantined")
"""States that would be the same if the video were looked at again; a failed or cancelled scan says nothing of it."""


@dataclass(frozen=True)
class Judgement:
    """One classifier's word on one video.

    Args:
        score: under the aggregation that was asked for; None unless the state is "judged".
        is_stored: whether a worker's scan says so.
    """

    state: str
    score: float | None
    is_stored: bool = True


@dataclass(frozen=True)
class ComparedVideo:
    """A path of a batch with the word of both classifiers, None where there is none.

    Args:
        judgements: the first classifier's and the second one's.
        label: the latest reviewer's, None where nobody reviewed it.
    """

    path: bytes
    video_id: int
    sha256: str
    judgements: tuple[Judgement | None, Judgement | None]
    label: str | None


def read_judgements(
    session: Session, batch: BatchRecord, first_id: int, second_id: int, *, aggregate: str
) -> list[ComparedVideo]:
    """The paths of a batch that have a content, in order of submission.

    Only scans under the batch's own sampling options count: with others, scores differ for another reason.
    """
    query = select(Entry.path, Video.id, Video.sha256).join(Video, Video.id == Entry.video_id)
    rows = session.execute(query.where(Entry.batch_id == batch.id).order_by(Entry.position)).all()
    first = _read_latest(session, batch, first_id, aggregate=aggregate)
    second = _read_latest(session, batch, second_id, aggregate=aggregate)
    labels = _read_labels(session, batch)
    return [
        ComparedVideo(path, video_id, sha256, (first.get(video_id), second.get(video_id)), labels.get(video_id))
        for path, video_id, sha256 in rows
    ]


def count_without_content(session: Session, batch: BatchRecord) -> int:
    """Paths of a batch that could not be read when they were submitted."""
    counted = select(func.count()).select_from(Entry).where(Entry.batch_id == batch.id, Entry.video_id.is_(None))
    return session.scalar(counted) or 0


def _read_latest(session: Session, batch: BatchRecord, classifier_id: int, *, aggregate: str) -> dict[int, Judgement]:
    wish = ScanWish(classifier_id, batch.options["frames"], batch.options["max_frames"], batch.priority)
    videos = select(Entry.video_id).where(Entry.batch_id == batch.id)
    rows = session.execute(
        select(Scan.video_id, Scan.state, SCORE_COLUMNS[aggregate])
        .where(
            Scan.video_id.in_(videos),
            Scan.classifier_id == classifier_id,
            Scan.options_key == wish.options_key,
            Scan.state.in_(JUDGED_STATES),
        )
        .order_by(Scan.id)
    )
    # Generations rise with ids, so the last one stays.
    return {video_id: Judgement(state, score) for video_id, state, score in rows}


def _read_labels(session: Session, batch: BatchRecord) -> dict[int, str]:
    """The latest label of each video that has one."""
    videos = select(Entry.video_id).where(Entry.batch_id == batch.id)
    rows = session.execute(select(Review.video_id, Review.label).where(Review.video_id.in_(videos)).order_by(Review.id))
    return dict(rows.all())
