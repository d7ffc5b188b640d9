"""What is remembered: videos, batches, entries, scans, faces, classifiers and their gate, reviews, workers, web.

Times are seconds since the Unix epoch by the database's clock. SQL is the truth; the broker only carries ids.
"""

from typing import Any, cast

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy import BigInteger as PlainBigInteger
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite numbers rows by itself only in a column that is exactly INTEGER.
BigInteger = PlainBigInteger().with_variant(Integer, "sqlite")

STATES = ("queued", "running", "judged", "no_face", "unreadable", "failed", "quarantined", "cancelled")
"""Every state of a scan, in the order in which they are shown."""

WAITING_STATES = ("queued", "running")
REUSABLE_STATES = ("queued", "running", "judged", "no_face", "unreadable")


def _only_where(condition: str) -> dict[str, Any]:
    """Options of an index that holds only the rows which meet `condition`."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Base(DeclarativeBase):
    """The parent of every table; names constraints so that migrations can find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )


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


class Classifier(Base):
    """A registered bundle; at most one is active."""

    __tablename__ = "classifiers"
    __table_args__ = (Index("ix_classifiers_active", "active", unique=True, **_only_where("active")),)

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


class Batch(Base):
    """The entries of one submission."""

    __tablename__ = "batches"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), index=True)
    created_at: Mapped[float] = mapped_column(Double)
    classifier_id: Mapped[int] = mapped_column(ForeignKey("classifiers.id"))
    # preset, frames, max_frames, aggregate, as asked for.
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    # By what its entries stand as fake, real or uncertain: the aggregation, and what the classifier says of it.
    aggregate: Mapped[str] = mapped_column(String(16), server_default="mean")
    real_below: Mapped[float | None] = mapped_column(Double)
    fake_from: Mapped[float | None] = mapped_column(Double)
    priority: Mapped[str] = mapped_column(String(16))
    ignored: Mapped[int] = mapped_column(default=0)
    # False until every entry of the submission has been written.
    is_complete: Mapped[bool] = mapped_column(Boolean, default=False)
    cancelled_at: Mapped[float | None] = mapped_column(Double)


class Scan(Base):
    """The judging of one video by one classifier with one set of options."""

    __tablename__ = "scans"
    __table_args__ = (
        # A forced scan is a new generation, so two submissions at once cannot both make the same one.
        UniqueConstraint("video_id", "classifier_id", "options_key", "generation"),
        # The indexes of what is under way stay small, however large the archive grows.
        Index("ix_scans_running", "lease_expires_at", **_only_where("state = 'running'")),
        Index("ix_scans_sent", "sent_at", **_only_where("state = 'queued'")),
        Index("ix_scans_unsent", "priority", "id", **_only_where("state = 'queued' AND sent_at IS NULL")),
        Index("ix_scans_waiting", "queued_at", **_only_where("state = 'queued'")),
        Index("ix_scans_score_mean", "score_mean", "id", **_only_where("score_mean IS NOT NULL")),
        CheckConstraint("(state = 'judged') = (score_mean IS NOT NULL)", name="only_judged_has_score"),
        CheckConstraint("(state = 'running') = (lease_expires_at IS NOT NULL)", name="only_running_has_lease"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id"))
    classifier_id: Mapped[int] = mapped_column(ForeignKey("classifiers.id"))
    # The sampling options that change a score, as one string such as "frames=16 max_frames=256".
    options_key: Mapped[str] = mapped_column(String(200))
    generation: Mapped[int] = mapped_column(default=1)
    frames: Mapped[int]
    max_frames: Mapped[int]
    # Where the content was found when it was submitted; the worker opens this file.
    path: Mapped[bytes] = mapped_column(LargeBinary)
    # Of that file when it was hashed: where it differs now, the content may be another.
    mtime_ns: Mapped[int] = mapped_column(PlainBigInteger)
    priority: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str | None] = mapped_column(Text)
    warnings: Mapped[list[str]] = mapped_column(JSON, default=list)
    # Starts of the judging so far, and how many of them ended with the worker lost.
    attempts: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)
    # True while the present attempt runs with no other scan beside it in its worker.
    runs_alone: Mapped[bool] = mapped_column(Boolean, default=False)
    # The lease: who holds it, its fencing token (rises with every claim), its end.
    worker: Mapped[str | None] = mapped_column(String(200))
    token: Mapped[int] = mapped_column(default=0)
    lease_expires_at: Mapped[float | None] = mapped_column(Double)
    # Not before this moment is the scan claimed again (back-off after a transient error).
    not_before: Mapped[float | None] = mapped_column(Double)
    stage: Mapped[str | None] = mapped_column(String(16))
    progress: Mapped[float | None] = mapped_column(Double)
    is_cancel_requested: Mapped[bool] = mapped_column(Boolean, default=False)
    queued_at: Mapped[float] = mapped_column(Double)
    sent_at: Mapped[float | None] = mapped_column(Double)
    started_at: Mapped[float | None] = mapped_column(Double)
    finished_at: Mapped[float | None] = mapped_column(Double, index=True)
    # The calibrated score of the video under each aggregation; set only when judged.
    score_mean: Mapped[float | None] = mapped_column(Double)
    score_top_k: Mapped[float | None] = mapped_column(Double)
    score_confident: Mapped[float | None] = mapped_column(Double)
    score_max_track: Mapped[float | None] = mapped_column(Double)
    frames_sampled: Mapped[int | None]
    frames_with_faces: Mapped[int | None]
    faces: Mapped[int | None]
    seconds: Mapped[dict[str, float] | None] = mapped_column(JSON(none_as_null=True))
    runtime: Mapped[str | None] = mapped_column(String(32))
    # What the worker left behind when it died: signal, exit status, last stage, stderr tail.
    evidence: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


SCANS = cast(Table, Scan.__table__)
"""For statements that change scans without a session's care for loaded objects, which costs as much as the change."""


class Entry(Base):
    """One path of one submission; without a scan it carries its own state, reason and detail."""

    __tablename__ = "entries"
    __table_args__ = (
        UniqueConstraint("batch_id", "position"),
        Index("ix_entries_batch_id_standing_position", "batch_id", "standing", "position"),
        Index("ix_entries_video_id_id", "video_id", "id"),
        CheckConstraint("(scan_id IS NULL) = (state IS NOT NULL)", name="state_of_its_own_or_scan"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"))
    position: Mapped[int]
    path: Mapped[bytes] = mapped_column(LargeBinary)
    video_id: Mapped[int | None] = mapped_column(ForeignKey("videos.id"))
    scan_id: Mapped[int | None] = mapped_column(ForeignKey("scans.id"), index=True)
    state: Mapped[str | None] = mapped_column(String(16))
    # What became of it, as lists choose by it; `db.triggers` keeps it in step with the scan.
    standing: Mapped[str] = mapped_column(String(16), server_default="waiting")
    reason: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str | None] = mapped_column(Text)
    reused: Mapped[bool] = mapped_column(Boolean, default=False)


class Tally(Base):
    """How many entries of a batch stand alike, up to the changes that wait beside it; `db.triggers` writes it.

    Batch 0 counts the scans that wait, over all batches.
    """

    __tablename__ = "tallies"

    batch_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    standing: Mapped[str] = mapped_column(String(16), primary_key=True)
    # The engine that judged them, empty where none did.
    runtime: Mapped[str] = mapped_column(String(32), primary_key=True)
    total: Mapped[int] = mapped_column(PlainBigInteger)


class TallyChange(Base):
    """A change of a tally that was not added up yet: workers that end scans at once need no row in common."""

    __tablename__ = "tally_changes"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    batch_id: Mapped[int] = mapped_column(PlainBigInteger, index=True)
    standing: Mapped[str] = mapped_column(String(16))
    runtime: Mapped[str] = mapped_column(String(32))
    change: Mapped[int] = mapped_column(PlainBigInteger)


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


class WorkerRow(Base):
    """A worker that says it is alive."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    host: Mapped[str] = mapped_column(String(200))
    pid: Mapped[int]
    queues: Mapped[str] = mapped_column(String(200))
    concurrency: Mapped[int]
    started_at: Mapped[float] = mapped_column(Double)
    seen_at: Mapped[float] = mapped_column(Double)


class SweepRow(Base):
    """The one row that schedulers share: when leases were looked at, and until when none is called lost."""

    __tablename__ = "sweeps"

    id: Mapped[int] = mapped_column(primary_key=True)
    swept_at: Mapped[float] = mapped_column(Double)
    # After a time in which nobody could reach the database, workers get this long to renew first.
    grace_until: Mapped[float] = mapped_column(Double)


class SchedulerRow(Base):
    """A `fakesweep scheduler` that says it is alive."""

    __tablename__ = "schedulers"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    host: Mapped[str] = mapped_column(String(200))
    pid: Mapped[int]
    started_at: Mapped[float] = mapped_column(Double)
    seen_at: Mapped[float] = mapped_column(Double)


class WatchedFolder(Base):
    """A folder whose new files are taken; whoever takes some holds the row meanwhile."""

    __tablename__ = "watched_folders"

    # A path may be longer than an index entry of PostgreSQL, so its SHA-256 is the key.
    path_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    path: Mapped[bytes] = mapped_column(LargeBinary)
    # Of the batch: days since the Unix epoch.
    day: Mapped[int | None]
    # What was found last went there; that batch may be gone.
    batch_id: Mapped[int | None] = mapped_column(PlainBigInteger)


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
        Index("ix_deliveries_due", "due_at", **_only_where("delivered_at IS NULL AND failed_at IS NULL")),
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
