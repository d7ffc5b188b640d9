"""Every attempt to let a classifier judge: who, when, why, on what figures, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.clock import db_now
from db.registry import RegisteredClassifier, read_classifier
from db.tables.classifiers import ActivationRow, EvaluationSetRow
from db.text import storable

Outcome = Literal["passed", "refused", "forced", "rolled_back", "packaged"]
"""Passed the gate; refused by it; forced through it; gone back to; the packaged one, which nobody chose."""


@dataclass(frozen=True)
class Activation:
    """An attempt as the database has it; `created_at` is seconds since the epoch.

    Args:
        previous: the classifier that was active until then, None where none was.
        set_sha256: of the frozen set that both were measured on, None where they were not.
        figures: the comparison, or why there was none.
    """

    id: int
    classifier: RegisteredClassifier
    previous: RegisteredClassifier | None
    outcome: str
    actor: str | None
    reason: str | None
    set_sha256: str | None
    figures: Mapping[str, Any] | None
    created_at: float


def note_activation(
    session: Session,
    *,
    classifier_id: int,
    previous_id: int | None,
    outcome: Outcome,
    actor: str | None = None,
    reason: str | None = None,
    set_id: int | None = None,
    figures: Mapping[str, Any] | None = None,
) -> int:
    """Writes an attempt down; returns its id."""
    row = ActivationRow(
        classifier_id=classifier_id,
        previous_id=previous_id,
        outcome=outcome,
        actor=None if actor is None else storable(actor, limit=200),
        reason=None if reason is None else storable(reason, limit=4000),
        set_id=set_id,
        figures=None if figures is None else dict(figures),
        created_at=session.scalar(select(db_now())),
    )
    session.add(row)
    session.flush()
    return row.id


def list_activations(session: Session, *, limit: int | None = None) -> list[Activation]:
    """The attempts, the latest first."""
    query = (
        select(ActivationRow, EvaluationSetRow.sha256)
        .outerjoin(EvaluationSetRow, EvaluationSetRow.id == ActivationRow.set_id)
        .order_by(ActivationRow.id.desc())
        .limit(limit)
    )
    found: list[Activation] = []
    for row, set_sha256 in session.execute(query):
        classifier = read_classifier(session, row.classifier_id)
        if classifier is None:
            raise RuntimeError(f"activation {row.id} names classifier {row.classifier_id}, which is not there")
        previous = None if row.previous_id is None else read_classifier(session, row.previous_id)
        found.append(
            Activation(
                id=row.id,
                classifier=classifier,
                previous=previous,
                outcome=row.outcome,
                actor=row.actor,
                reason=row.reason,
                set_sha256=set_sha256,
                figures=row.figures,
                created_at=row.created_at,
            )
        )
    return found
