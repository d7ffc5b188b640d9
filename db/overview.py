"""What an operator wants to see at a glance: how much was judged when, to what verdict, and the latest fakes."""

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Integer, and_, case, cast, false, func, literal, or_, select
from sqlalchemy.orm import Session

from db.clock import db_now
from db.of_late import finished_of_late
from db.registry import list_classifiers
from db.tables.batches import Batch, Entry
from db.tables.contents import Video
from db.tables.scans import Scan
from db.verdicts import VERDICTS, known_thresholds

# Whoever has no fake among so many has none of late.
_LOOKED_AT = 3000


@dataclass(frozen=True)
class Bucket:
    """What was finished in one span of time.

    Args:
        starts_at: seconds since the epoch.
        counts: by verdict, and by state where there is none.
        score_sum: over those that were judged.
    """

    starts_at: float
    counts: Counter[str] = field(default_factory=Counter)
    score_sum: float = 0.0

    @property
    def total(self) -> int:
        """All that was finished."""
        return sum(self.counts.values())

    @property
    def judged(self) -> int:
        """Those with a verdict."""
        return sum(self.counts[verdict] for verdict in VERDICTS)


@dataclass(frozen=True)
class LatestFake:
    """A video that was called fake; `finished_at` is seconds since the epoch."""

    video_id: int
    scan_id: int
    sha256: str
    path: bytes
    score: float
    finished_at: float


def count_finished(session: Session, *, span_s: float, buckets: int) -> list[Bucket]:
    """What was finished in each of the last `buckets` spans, the oldest first; the last one is not over yet."""
    now = session.scalar(select(db_now())) or 0.0
    return _count_between(session, (now // span_s - buckets + 1) * span_s, None, span_s=span_s, buckets=buckets)


def count_finished_before(session: Session, moment: float, *, span_s: float, buckets: int) -> list[Bucket]:
    """What was finished in each of the `buckets` spans before a moment, the oldest first; hardly ever changes.

    Args:
        moment: seconds since the epoch, at which a span begins.
    """
    return _count_between(session, moment - buckets * span_s, moment, span_s=span_s, buckets=buckets)


def _count_between(session: Session, first: float, end: float | None, *, span_s: float, buckets: int) -> list[Bucket]:
    number = cast(func.floor((Scan.finished_at - first) / span_s), Integer)
    outcome = _outcome(session)
    finished = select(number, outcome, func.count(), func.sum(Scan.score_mean)).where(Scan.finished_at >= first)
    if end is not None:
        finished = finished.where(Scan.finished_at < end)
    rows = session.execute(finished.group_by(number, outcome))
    counts: dict[int, Counter[str]] = {place: Counter() for place in range(buckets)}
    sums = dict.fromkeys(range(buckets), 0.0)
    for place, name, count, score_sum in rows:
        # What was finished by a clock that ran ahead belongs to the present.
        kept = min(place, buckets - 1)
        counts[kept][name] += count
        sums[kept] += score_sum or 0.0
    return [Bucket(first + place * span_s, counts[place], sums[place]) for place in range(buckets)]


def latest_fakes(session: Session, *, limit: int) -> list[LatestFake]:
    """The videos that were called fake last, each once, among what was finished of late."""
    of_late = finished_of_late(_LOOKED_AT)
    # Of a video that was judged any number of times, the last time.
    place = func.row_number().over(partition_by=Scan.video_id, order_by=(Scan.finished_at.desc(), Scan.id.desc()))
    fakes = (
        select(Scan.id, place.label("place"))
        .join(of_late, of_late.c.id == Scan.id)
        .where(_is_verdict(session, "fake"))
        .subquery()
    )
    rows = session.execute(
        select(Scan, Video.sha256)
        .join(fakes, fakes.c.id == Scan.id)
        .join(Video, Video.id == Scan.video_id)
        .where(fakes.c.place == 1)
        .order_by(Scan.finished_at.desc(), Scan.id.desc())
        .limit(limit)
    )
    return [
        LatestFake(scan.video_id, scan.id, sha256, scan.path, scan.score_mean or 0.0, scan.finished_at or 0.0)
        for scan, sha256 in rows
    ]


def _outcome(session: Session) -> ColumnElement[str]:
    """A scan's verdict by its classifier's own thresholds, its state where it has none."""
    return case(*((_is_verdict(session, verdict), literal(verdict)) for verdict in VERDICTS), else_=Scan.state)


def _is_verdict(session: Session, verdict: str) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [false()]
    for classifier in list_classifiers(session):
        thresholds = known_thresholds(classifier.manifest, "mean")
        if thresholds is None:
            continue
        is_fake = Scan.score_mean >= thresholds.fake_from
        is_real = and_(Scan.score_mean < thresholds.real_below, ~is_fake)
        # Compared only where there is a score, so that "not fake" is not true of what was never judged.
        met = {"fake": is_fake, "real": is_real, "uncertain": and_(~is_fake, ~is_real)}[verdict]
        conditions.append(and_(Scan.classifier_id == classifier.id, Scan.score_mean.is_not(None), met))
    return or_(*conditions)


def recent_rate(session: Session, batch_id: int, *, within_s: float = 300.0) -> float | None:
    """Entries of a batch that were finished per second of late; None while there were none."""
    now, created_at = session.execute(select(db_now(), Batch.created_at).where(Batch.id == batch_id)).one()
    finished = session.scalar(
        select(func.count())
        .select_from(Scan)
        .join(Entry, Entry.scan_id == Scan.id)
        .where(Entry.batch_id == batch_id, Scan.finished_at >= now - within_s)
    )
    return finished / max(1.0, min(within_s, now - created_at)) if finished else None
