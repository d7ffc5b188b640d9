"""Who judges: classifiers, the frozen sets that they are measured on, and how each came to be active."""

from typing import Any

from sqlalchemy import JSON, Boolean, Double, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, BigInteger, only_where


class Classifier(Base):
    """A registered bundle; at most one is active."""

    __tablename__ = "classifiers"
    __table_args__ = (Index("ix_classifiers_active", "active", unique=True, **only_where("active")),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    version: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    path: Mapped[str] = mapped_column(Text)
    manifest: Mapped[dict[str, Any]] = mapped_column(JSON)
    active: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[float] = mapped_column(Double)
    activated_at: Mapped[float | None] = mapped_column(Double)
    # The one that was active before, so that a rollback knows where to go.
    previous_id: Mapped[int | None] = mapped_column(ForeignKey("classifiers.id"))


class EvaluationSetRow(Base):
    """Labelled material that was frozen; the set that was frozen last is what the gate measures on."""

    __tablename__ = "evaluation_sets"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    # Of its files' hashes and labels: the same material has the same hash on every machine.
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    path: Mapped[str] = mapped_column(Text)
    # Files by kind and label, such as {"real images": 120}.
    counts: Mapped[dict[str, int]] = mapped_column(JSON)
    frozen_by: Mapped[str | None] = mapped_column(String(200))
    frozen_at: Mapped[float] = mapped_column(Double)


class EvaluationRow(Base):
    """What a classifier scored on a frozen set, kept so that it is judged there once."""

    __tablename__ = "evaluations"
    __table_args__ = (UniqueConstraint("classifier_id", "set_id", "protocol"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    classifier_id: Mapped[int] = mapped_column(ForeignKey("classifiers.id"))
    set_id: Mapped[int] = mapped_column(ForeignKey("evaluation_sets.id"))
    # What decides the scores beside network and files; of another protocol they are not comparable.
    protocol: Mapped[str] = mapped_column(String(64))
    scores: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    created_at: Mapped[float] = mapped_column(Double)


class ActivationRow(Base):
    """A classifier that was let through, refused, forced through or gone back to: who, when, why, on what figures."""

    __tablename__ = "activations"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    classifier_id: Mapped[int] = mapped_column(ForeignKey("classifiers.id"))
    # The one that was active until then, and stays so where the outcome is "refused".
    previous_id: Mapped[int | None] = mapped_column(ForeignKey("classifiers.id"))
    outcome: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[str | None] = mapped_column(Text)
    set_id: Mapped[int | None] = mapped_column(ForeignKey("evaluation_sets.id"))
    # The comparison as the gate printed it, or why there was none.
    figures: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[float] = mapped_column(Double)
