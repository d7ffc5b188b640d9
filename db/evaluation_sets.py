"""The frozen evaluation sets, and what classifiers scored on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.clock import db_now
from db.dialects import insert_or
from db.tables.classifiers import EvaluationRow, EvaluationSetRow
from db.text import storable


@dataclass(frozen=True)
class EvaluationSet:
    """A frozen set as the database knows it; `frozen_at` is seconds since the epoch.

    Args:
        sha256: of its files' hashes and labels.
        path: its directory on the machine that froze it last.
        counts: files by kind and label.
    """

    id: int
    sha256: str
    name: str
    path: str
    counts: Mapping[str, int]
    frozen_by: str | None
    frozen_at: float


def register_set(
    session: Session, *, sha256: str, name: str, path: str, counts: Mapping[str, int], actor: str | None
) -> int:
    """Makes this set the one that the gate measures on; one that is known is told its new place. Returns its id."""
    told = {
        "name": storable(name, limit=200),
        "path": path,
        "counts": dict(counts),
        "frozen_by": None if actor is None else storable(actor, limit=200),
        "frozen_at": db_now(),
    }
    statement = insert_or(session, EvaluationSetRow).values(sha256=sha256, **told)
    upsert = statement.on_conflict_do_update(index_elements=[EvaluationSetRow.sha256], set_=told)
    return session.execute(upsert.returning(EvaluationSetRow.id)).scalar_one()


def current_set(session: Session) -> EvaluationSet | None:
    """The set that was frozen last, None where there is none."""
    newest = select(EvaluationSetRow).order_by(EvaluationSetRow.frozen_at.desc(), EvaluationSetRow.id.desc()).limit(1)
    row = session.scalar(newest)
    if row is None:
        return None
    return EvaluationSet(row.id, row.sha256, row.name, row.path, row.counts, row.frozen_by, row.frozen_at)


def read_scores(session: Session, *, classifier_id: int, set_id: int, protocol: str) -> list[dict[str, Any]] | None:
    """What a classifier scored on a set under this protocol, None where it was not judged there."""
    row = session.scalar(
        select(EvaluationRow).where(
            EvaluationRow.classifier_id == classifier_id,
            EvaluationRow.set_id == set_id,
            EvaluationRow.protocol == protocol,
        )
    )
    return None if row is None else row.scores


def save_scores(
    session: Session, *, classifier_id: int, set_id: int, protocol: str, scores: Sequence[Mapping[str, Any]]
) -> None:
    """Keeps what a classifier scored; of two who judged the same, the later one's stays."""
    told = {"scores": [dict(score) for score in scores], "created_at": db_now()}
    statement = insert_or(session, EvaluationRow).values(
        classifier_id=classifier_id, set_id=set_id, protocol=protocol, **told
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[EvaluationRow.classifier_id, EvaluationRow.set_id, EvaluationRow.protocol], set_=told
        )
    )
