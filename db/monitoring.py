"""What an installation's health is read from, in queries whose cost does not grow with the archive."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.clock import db_now
from db.tables.classifiers import EvaluationRow
from db.tables.scans import Scan
from db.tallies import EVERY_BATCH
from db.tally_sums import sum_tallies

# Of the scans that ended of late, so many at most are looked at.
_MOST_SCANS = 5000
_KIND_OF_VIDEOS = "video"


@dataclass(frozen=True)
class Recent:
    """What the scans that ended of late came to.

    Args:
        states: how many ended in which state.
        stage_seconds: of each stage, the sum over those scans.
        stage_scans: of each stage, how many scans went through it.
    """

    states: Counter[str] = field(default_factory=Counter)
    stage_seconds: dict[str, float] = field(default_factory=dict)
    stage_scans: Counter[str] = field(default_factory=Counter)


def read_standing_totals(session: Session) -> Counter[str]:
    """How many entries of all batches stand where; adds up tallies, of which a batch has a few."""
    rows = session.execute(sum_tallies("standing", where=lambda table: table.batch_id != EVERY_BATCH))
    return Counter({standing: int(total) for standing, total in rows if total})


def read_recent(session: Session, *, within_s: float) -> Recent:
    """The scans that ended within the last `within_s` seconds, the latest 5,000 of them."""
    rows = session.execute(
        select(Scan.state, Scan.seconds)
        .where(Scan.finished_at > db_now() - within_s)
        .order_by(Scan.finished_at.desc())
        .limit(_MOST_SCANS)
    )
    states: Counter[str] = Counter()
    seconds: dict[str, float] = defaultdict(float)
    scans: Counter[str] = Counter()
    for state, of_stage in rows:
        states[state] += 1
        for stage, spent_s in (of_stage or {}).items():
            seconds[stage] += float(spent_s)
            scans[stage] += 1
    return Recent(states, dict(seconds), scans)


def read_latest_scores(session: Session, classifier_id: int, *, within_s: float, limit: int) -> list[float]:
    """The scores that this classifier gave last."""
    rows = session.execute(
        select(Scan.score_mean)
        .where(
            Scan.finished_at > db_now() - within_s, Scan.classifier_id == classifier_id, Scan.score_mean.is_not(None)
        )
        .order_by(Scan.finished_at.desc())
        .limit(limit)
    )
    return [score for (score,) in rows if score is not None]


def read_first_scores(session: Session, classifier_id: int, *, limit: int) -> list[float]:
    """The scores that this classifier gave first, in the order of the scans."""
    rows = session.execute(
        select(Scan.score_mean)
        .where(Scan.classifier_id == classifier_id, Scan.score_mean.is_not(None))
        .order_by(Scan.id)
        .limit(limit)
    )
    return [score for (score,) in rows if score is not None]


def read_evaluation_scores(session: Session, classifier_id: int) -> list[float]:
    """The scores that this classifier gave to the videos of the set that it was measured on last; none if never."""
    latest = select(EvaluationRow.scores).where(EvaluationRow.classifier_id == classifier_id)
    scores = session.scalar(latest.order_by(EvaluationRow.created_at.desc()).limit(1))
    return _scores_of_videos(scores or [])


def _scores_of_videos(scores: Sequence[dict[str, Any]]) -> list[float]:
    return [
        float(one["score"]) for one in scores if one.get("kind") == _KIND_OF_VIDEOS and one.get("score") is not None
    ]
