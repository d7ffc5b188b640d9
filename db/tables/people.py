"""What people do: they sign in, send files, and say what they think of a video."""

from typing import Any

from sqlalchemy import JSON, Double, ForeignKey, String, Text
from sqlalchemy import BigInteger as PlainBigInteger
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, BigInteger


class Review(Base):
    """A reviewer's label; it stands beside the machine's verdict, never over it."""

    __tablename__ = "reviews"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id"), index=True)
    scan_id: Mapped[int | None] = mapped_column(ForeignKey("scans.id"))
    label: Mapped[str] = mapped_column(String(8))
    note: Mapped[str | None] = mapped_column(Text)
    reviewer: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[float] = mapped_column(Double)


class TokenRow(Base):
    """A right to use the web application, kept as the hash of what its holder has."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[float] = mapped_column(Double)
    expires_at: Mapped[float | None] = mapped_column(Double)
    revoked_at: Mapped[float | None] = mapped_column(Double)


class WebSessionRow(Base):
    """A browser in which somebody signed in with a token; it ends with the token at the latest."""

    __tablename__ = "web_sessions"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("tokens.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[float] = mapped_column(Double)
    expires_at: Mapped[float] = mapped_column(Double)


class UploadRow(Base):
    """A file that somebody sends; how much of it has come, the file itself says."""

    __tablename__ = "uploads"

    # Random, as whoever knows it may go on with the upload.
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    size_bytes: Mapped[int] = mapped_column(PlainBigInteger)
    # Of the token that it is sent with, None on a machine of one's own.
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id", ondelete="SET NULL"))
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    # Of its submission, None while it is not complete.
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("batches.id"))
    created_at: Mapped[float] = mapped_column(Double)
    expires_at: Mapped[float] = mapped_column(Double, index=True)
