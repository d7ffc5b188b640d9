"""Create the tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_classifiers()
    _create_sweeps()
    _create_videos()
    _create_workers()
    _create_batches()
    _create_known_files()
    _create_scans()
    _create_entries()
    _create_faces()
    _create_frames()
    _create_reviews()
    _create_tracks()


def downgrade() -> None:
    op.drop_table("tracks")
    op.drop_table("reviews")
    op.drop_table("frames")
    op.drop_table("faces")
    op.drop_table("entries")
    op.drop_table("scans")
    op.drop_table("known_files")
    op.drop_table("batches")
    op.drop_table("workers")
    op.drop_table("videos")
    op.drop_table("sweeps")
    op.drop_table("classifiers")


def _only_where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _create_classifiers() -> None:
    op.create_table(
        "classifiers",
        sa.Column("id", RowId, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("activated_at", sa.Double(), nullable=True),
        sa.Column("previous_id", RowId, nullable=True),
        sa.ForeignKeyConstraint(
            ["previous_id"], ["classifiers.id"], name=op.f("fk_classifiers_previous_id_classifiers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_classifiers")),
        sa.UniqueConstraint("sha256", name=op.f("uq_classifiers_sha256")),
    )
    op.create_index("ix_classifiers_active", "classifiers", ["active"], unique=True, **_only_where("active"))


def _create_sweeps() -> None:
    op.create_table(
        "sweeps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("swept_at", sa.Double(), nullable=False),
        sa.Column("grace_until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweeps")),
    )


def _create_videos() -> None:
    op.create_table(
        "videos",
        sa.Column("id", RowId, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.Double(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("width_px", sa.Integer(), nullable=True),
        sa.Column("height_px", sa.Integer(), nullable=True),
        sa.Column("codec", sa.String(length=64), nullable=True),
        sa.Column("container", sa.String(length=128), nullable=True),
        sa.Column("frame_rate", sa.Double(), nullable=True),
        sa.Column("rotation_deg", sa.SmallInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_videos")),
        sa.UniqueConstraint("sha256", name=op.f("uq_videos_sha256")),
    )


def _create_workers() -> None:
    op.create_table(
        "workers",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("host", sa.String(length=200), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("queues", sa.String(length=200), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )


def _create_batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", RowId, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("classifier_id", RowId, nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("ignored", sa.Integer(), nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("cancelled_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["classifier_id"], ["classifiers.id"], name=op.f("fk_batches_classifier_id_classifiers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    op.create_index(op.f("ix_batches_name"), "batches", ["name"], unique=False)


def _create_known_files() -> None:
    op.create_table(
        "known_files",
        sa.Column("id", RowId, nullable=False),
        sa.Column("path_sha256", sa.String(length=64), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("video_id", RowId, nullable=False),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name=op.f("fk_known_files_video_id_videos")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_files")),
        sa.UniqueConstraint("path_sha256", name=op.f("uq_known_files_path_sha256")),
    )
    op.create_index(op.f("ix_known_files_video_id"), "known_files", ["video_id"], unique=False)


def _create_scans() -> None:
    op.create_table(
        "scans",
        sa.Column("id", RowId, nullable=False),
        sa.Column("video_id", RowId, nullable=False),
        sa.Column("classifier_id", RowId, nullable=False),
        sa.Column("options_key", sa.String(length=200), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("max_frames", sa.Integer(), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("runs_alone", sa.Boolean(), nullable=False),
        sa.Column("worker", sa.String(length=200), nullable=True),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("lease_expires_at", sa.Double(), nullable=True),
        sa.Column("not_before", sa.Double(), nullable=True),
        sa.Column("stage", sa.String(length=16), nullable=True),
        sa.Column("progress", sa.Double(), nullable=True),
        sa.Column("is_cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("queued_at", sa.Double(), nullable=False),
        sa.Column("sent_at", sa.Double(), nullable=True),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("score_mean", sa.Double(), nullable=True),
        sa.Column("score_top_k", sa.Double(), nullable=True),
        sa.Column("score_confident", sa.Double(), nullable=True),
        sa.Column("score_max_track", sa.Double(), nullable=True),
        sa.Column("frames_sampled", sa.Integer(), nullable=True),
        sa.Column("frames_with_faces", sa.Integer(), nullable=True),
        sa.Column("faces", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.JSON(), nullable=True),
        sa.Column("runtime", sa.String(length=32), nullable=True),
        sa.Column("evidence", sa.JSON(), nullable=True),
        sa.CheckConstraint(
            "(state = 'judged') = (score_mean IS NOT NULL)", name=op.f("ck_scans_only_judged_has_score")
        ),
        sa.CheckConstraint(
            "(state = 'running') = (lease_expires_at IS NOT NULL)",
            name=op.f("ck_scans_only_running_has_lease"),
        ),
        sa.ForeignKeyConstraint(["classifier_id"], ["classifiers.id"], name=op.f("fk_scans_classifier_id_classifiers")),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name=op.f("fk_scans_video_id_videos")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scans")),
        sa.UniqueConstraint(
            "video_id",
            "classifier_id",
            "options_key",
            "generation",
            name=op.f("uq_scans_video_id_classifier_id_options_key_generation"),
        ),
    )
    op.create_index(op.f("ix_scans_finished_at"), "scans", ["finished_at"], unique=False)
    op.create_index("ix_scans_running", "scans", ["lease_expires_at"], unique=False, **_only_where("state = 'running'"))
    op.create_index("ix_scans_sent", "scans", ["sent_at"], unique=False, **_only_where("state = 'queued'"))
    op.create_index(
        "ix_scans_unsent",
        "scans",
        ["priority", "id"],
        unique=False,
        **_only_where("state = 'queued' AND sent_at IS NULL"),
    )


def _create_entries() -> None:
    op.create_table(
        "entries",
        sa.Column("id", RowId, nullable=False),
        sa.Column("batch_id", RowId, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("video_id", RowId, nullable=True),
        sa.Column("scan_id", RowId, nullable=True),
        sa.Column("state", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("reused", sa.Boolean(), nullable=False),
        sa.CheckConstraint("(scan_id IS NULL) = (state IS NOT NULL)", name=op.f("ck_entries_state_of_its_own_or_scan")),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_entries_batch_id_batches")),
        sa.ForeignKeyConstraint(["scan_id"], ["scans.id"], name=op.f("fk_entries_scan_id_scans")),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name=op.f("fk_entries_video_id_videos")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
        sa.UniqueConstraint("batch_id", "position", name=op.f("uq_entries_batch_id_position")),
    )
    op.create_index(op.f("ix_entries_scan_id"), "entries", ["scan_id"], unique=False)
    op.create_index(op.f("ix_entries_video_id"), "entries", ["video_id"], unique=False)


def _create_faces() -> None:
    op.create_table(
        "faces",
        sa.Column("scan_id", RowId, nullable=False),
        sa.Column("frame_position", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("x_px", sa.Double(), nullable=False),
        sa.Column("y_px", sa.Double(), nullable=False),
        sa.Column("w_px", sa.Double(), nullable=False),
        sa.Column("h_px", sa.Double(), nullable=False),
        sa.Column("detection", sa.Double(), nullable=False),
        sa.Column("logit", sa.Double(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("track", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["scan_id"], ["scans.id"], name=op.f("fk_faces_scan_id_scans"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("scan_id", "frame_position", "position", name=op.f("pk_faces")),
    )


def _create_frames() -> None:
    op.create_table(
        "frames",
        sa.Column("scan_id", RowId, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("t_s", sa.Double(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["scan_id"], ["scans.id"], name=op.f("fk_frames_scan_id_scans"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("scan_id", "position", name=op.f("pk_frames")),
    )


def _create_reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("id", RowId, nullable=False),
        sa.Column("video_id", RowId, nullable=False),
        sa.Column("scan_id", RowId, nullable=True),
        sa.Column("label", sa.String(length=8), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("reviewer", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["scan_id"], ["scans.id"], name=op.f("fk_reviews_scan_id_scans")),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name=op.f("fk_reviews_video_id_videos")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
    )
    op.create_index(op.f("ix_reviews_video_id"), "reviews", ["video_id"], unique=False)


def _create_tracks() -> None:
    op.create_table(
        "tracks",
        sa.Column("scan_id", RowId, nullable=False),
        sa.Column("track", sa.Integer(), nullable=False),
        sa.Column("faces", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["scan_id"], ["scans.id"], name=op.f("fk_tracks_scan_id_scans"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("scan_id", "track", name=op.f("pk_tracks")),
    )
