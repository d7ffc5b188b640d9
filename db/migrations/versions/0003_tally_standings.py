"""Tally where the entries of each batch stand, so that counting and listing need not look at every scan."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_IS_QUEUED = "state = 'queued'"


def upgrade() -> None:
    _create_tallies()
    op.add_column("batches", sa.Column("aggregate", sa.String(length=16), server_default="mean", nullable=False))
    op.add_column("batches", sa.Column("real_below", sa.Double(), nullable=True))
    op.add_column("batches", sa.Column("fake_from", sa.Double(), nullable=True))
    op.add_column("entries", sa.Column("standing", sa.String(length=16), server_default="waiting", nullable=False))
    _copy_thresholds(op.get_bind())
    _settle_entries()
    _count_entries()
    op.create_index(
        op.f("ix_entries_batch_id_standing_position"), "entries", ["batch_id", "standing", "position"], unique=False
    )
    op.create_index(op.f("ix_entries_video_id_id"), "entries", ["video_id", "id"], unique=False)
    op.drop_index(op.f("ix_entries_video_id"), table_name="entries")
    only_queued: dict[str, Any] = {"sqlite_where": sa.text(_IS_QUEUED), "postgresql_where": sa.text(_IS_QUEUED)}
    op.create_index("ix_scans_waiting", "scans", ["queued_at"], unique=False, **only_queued)


def downgrade() -> None:
    op.drop_index("ix_scans_waiting", table_name="scans")
    op.create_index(op.f("ix_entries_video_id"), "entries", ["video_id"], unique=False)
    op.drop_index(op.f("ix_entries_video_id_id"), table_name="entries")
    op.drop_index(op.f("ix_entries_batch_id_standing_position"), table_name="entries")
    op.drop_column("entries", "standing")
    for name in ("fake_from", "real_below", "aggregate"):
        op.drop_column("batches", name)
    op.drop_table("tally_changes")
    op.drop_table("tallies")


def _create_tallies() -> None:
    op.create_table(
        "tallies",
        sa.Column("batch_id", RowId, autoincrement=False, nullable=False),
        sa.Column("standing", sa.String(length=16), nullable=False),
        sa.Column("runtime", sa.String(length=32), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "standing", "runtime", name=op.f("pk_tallies")),
    )
    op.create_table(
        "tally_changes",
        sa.Column("id", RowId, nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("standing", sa.String(length=16), nullable=False),
        sa.Column("runtime", sa.String(length=32), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally_changes")),
    )
    op.create_index(op.f("ix_tally_changes_batch_id"), "tally_changes", ["batch_id"], unique=False)


def _copy_thresholds(connection: sa.Connection) -> None:
    """Of each batch, what its classifier's manifest says of the batch's aggregation; nothing where it says nothing."""
    classifiers = connection.execute(sa.text("SELECT id, manifest FROM classifiers")).all()
    thresholds = {row.id: _decoded(row.manifest).get("thresholds", {}) for row in classifiers}
    batches = connection.execute(sa.text("SELECT id, classifier_id, options FROM batches")).all()
    for batch in batches:
        aggregate = _decoded(batch.options).get("aggregate", "mean")
        known = thresholds[batch.classifier_id].get(aggregate, {})
        connection.execute(
            sa.text(
                "UPDATE batches SET aggregate = :aggregate, real_below = :real_below, fake_from = :fake_from"
                " WHERE id = :id"
            ),
            {
                "id": batch.id,
                "aggregate": aggregate,
                "real_below": known.get("real_below"),
                "fake_from": known.get("fake_from"),
            },
        )


def _decoded(value: Any) -> Any:
    """A column of JSON, which SQLite gives as text."""
    return json.loads(value) if isinstance(value, str) else value


def _settle_entries() -> None:
    op.execute("UPDATE entries SET standing = state WHERE state IS NOT NULL")
    op.execute(
        """
        UPDATE entries SET standing = CASE
            WHEN ended.state <> 'judged' THEN ended.state
            WHEN ended.fake_from IS NULL THEN 'judged'
            WHEN ended.score >= ended.fake_from THEN 'fake'
            WHEN ended.score < ended.real_below THEN 'real'
            ELSE 'uncertain' END
        FROM (
            SELECT e.id, s.state, b.real_below, b.fake_from, CASE b.aggregate
                WHEN 'mean' THEN s.score_mean
                WHEN 'top-k' THEN s.score_top_k
                WHEN 'confident' THEN s.score_confident
                WHEN 'max-track' THEN s.score_max_track END AS score
            FROM entries e JOIN scans s ON s.id = e.scan_id JOIN batches b ON b.id = e.batch_id
            WHERE s.state NOT IN ('queued', 'running')
        ) ended
        WHERE ended.id = entries.id
        """
    )


def _count_entries() -> None:
    op.execute(
        """
        INSERT INTO tallies (batch_id, standing, runtime, total)
        SELECT entries.batch_id, entries.standing,
            CASE WHEN entries.standing = 'waiting' THEN '' ELSE coalesce(scans.runtime, '') END, count(*)
        FROM entries LEFT JOIN scans ON scans.id = entries.scan_id
        GROUP BY 1, 2, 3
        """
    )
    op.execute(
        """
        INSERT INTO tallies (batch_id, standing, runtime, total)
        SELECT 0, 'waiting', '', count(*) FROM scans WHERE state IN ('queued', 'running') HAVING count(*) > 0
        """
    )
