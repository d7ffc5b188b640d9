"""Index scores, so that a list of a million videos can begin with the highest."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_JUDGED = "score_mean IS NOT NULL"


def upgrade() -> None:
    op.create_index(
        "ix_scans_score_mean",
        "scans",
        ["score_mean", "id"],
        sqlite_where=sa.text(_JUDGED),
        postgresql_where=sa.text(_JUDGED),
    )


def downgrade() -> None:
    op.drop_index("ix_scans_score_mean", "scans")
