"""What is scanned: contents, and the files in which they were found."""

from sqlalchemy import BigInteger as PlainBigInteger
from sqlalchemy import Double, ForeignKey, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, BigInteger


class Video(Base):
    """A content, known by its SHA-256; what its container says is filled in by the first scan."""

    __tablename__ = "videos"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    size_bytes: Mapped[int] = mapped_column(PlainBigInteger)
    first_seen_at: Mapped[float] = mapped_column(Double)
    duration_s: Mapped[float | None] = mapped_column(Double)
    width_px: Mapped[int | None]
    height_px: Mapped[int | None]
    codec: Mapped[str | None] = mapped_column(String(64))
    container: Mapped[str | None] = mapped_column(String(128))
    frame_rate: Mapped[float | None] = mapped_column(Double)
    rotation_deg: Mapped[int | None] = mapped_column(SmallInteger)


class KnownFile(Base):
    """A path whose content was hashed: same path, size and mtime need no second reading."""

    __tablename__ = "known_files"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    # A path may be longer than an index entry of PostgreSQL, so its SHA-256 is the key.
    path_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    path: Mapped[bytes] = mapped_column(LargeBinary)
    size_bytes: Mapped[int] = mapped_column(PlainBigInteger)
    mtime_ns: Mapped[int] = mapped_column(PlainBigInteger)
    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id"), index=True)
