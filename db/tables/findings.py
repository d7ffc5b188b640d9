"""What was found in a video: its sampled frames, their faces, and whose faces they are."""

from sqlalchemy import Double, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base


class FrameRow(Base):
    """A sampled frame of a judged scan."""

    __tablename__ = "frames"

    scan_id: Mapped[int] = mapped_column(ForeignKey("scans.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    t_s: Mapped[float] = mapped_column(Double)
    score: Mapped[float | None] = mapped_column(Double)


class FaceRow(Base):
    """A judged face; its box is in pixels of the displayed video."""

    __tablename__ = "faces"

    scan_id: Mapped[int] = mapped_column(ForeignKey("scans.id", ondelete="CASCADE"), primary_key=True)
    frame_position: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    x_px: Mapped[float] = mapped_column(Double)
    y_px: Mapped[float] = mapped_column(Double)
    w_px: Mapped[float] = mapped_column(Double)
    h_px: Mapped[float] = mapped_column(Double)
    detection: Mapped[float] = mapped_column(Double)
    logit: Mapped[float] = mapped_column(Double)
    score: Mapped[float] = mapped_column(Double)
    track: Mapped[int]


class TrackRow(Base):
    """One person's faces over a scan, and the calibrated score of them alone."""

    __tablename__ = "tracks"

    scan_id: Mapped[int] = mapped_column(ForeignKey("scans.id", ondelete="CASCADE"), primary_key=True)
    track: Mapped[int] = mapped_column(primary_key=True)
    faces: Mapped[int]
    score: Mapped[float] = mapped_column(Double)
