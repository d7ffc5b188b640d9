"""Whom something is told, and what is still to be told."""

from typing import Any

from sqlalchemy import JSON, Double, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy import BigInteger as PlainBigInteger
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, BigInteger, only_where


class WebhookRow(Base):
    """An address that is told of events."""

    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[list[str]] = mapped_column(JSON)
    # The variable that holds the secret which signs what is sent; the secret itself is never stored.
    secret_env: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[float] = mapped_column(Double)


class FollowedBatch(Base):
    """A batch whose end somebody is still to be told of."""

    __tablename__ = "followed_batches"

    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True)


class NoticeMark(Base):
    """The one row that says up to when it was looked for what people are to be told of."""

    __tablename__ = "notice_marks"

    id: Mapped[int] = mapped_column(primary_key=True)
    looked_at: Mapped[float] = mapped_column(Double)
    # The newest batch that was seen.
    batch_id: Mapped[int] = mapped_column(PlainBigInteger)


class Delivery(Base):
    """Something that somebody is to be told, until it was told or given up."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("target", "event_key"),
        Index("ix_deliveries_due", "due_at", **only_where("delivered_at IS NULL AND failed_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    # "webhook:ID" or "mail".
    target: Mapped[str] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(32))
    # Names what happened, so that it is told once however often it is seen.
    event_key: Mapped[str] = mapped_column(String(100))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[float] = mapped_column(Double)
    due_at: Mapped[float] = mapped_column(Double)
    delivered_at: Mapped[float | None] = mapped_column(Double)
    failed_at: Mapped[float | None] = mapped_column(Double)
    last_error: Mapped[str | None] = mapped_column(Text)
