"""Remember the gate: frozen evaluation sets, what classifiers scored on them, and every activation."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_evaluation_sets()
    _create_evaluations()
    _create_activations()


def downgrade() -> None:
    op.drop_table("activations")
    op.drop_table("evaluations")
    op.drop_table("evaluation_sets")


def _create_evaluation_sets() -> None:
    op.create_table(
        "evaluation_sets",
        sa.Column("id", RowId, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("frozen_by", sa.String(length=200), nullable=True),
        sa.Column("frozen_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_sets")),
        sa.UniqueConstraint("sha256", name=op.f("uq_evaluation_sets_sha256")),
    )


def _create_evaluations() -> None:
    op.create_table(
        "evaluations",
        sa.Column("id", RowId, nullable=False),
        sa.Column("classifier_id", RowId, nullable=False),
        sa.Column("set_id", RowId, nullable=False),
        sa.Column("protocol", sa.String(length=64), nullable=False),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["classifier_id"], ["classifiers.id"], name=op.f("fk_evaluations_classifier_id_classifiers")
        ),
        sa.ForeignKeyConstraint(["set_id"], ["evaluation_sets.id"], name=op.f("fk_evaluations_set_id_evaluation_sets")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
        sa.UniqueConstraint(
            "classifier_id", "set_id", "protocol", name=op.f("uq_evaluations_classifier_id_set_id_protocol")
        ),
    )


def _create_activations() -> None:
    op.create_table(
        "activations",
        sa.Column("id", RowId, nullable=False),
        sa.Column("classifier_id", RowId, nullable=False),
        sa.Column("previous_id", RowId, nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("set_id", RowId, nullable=True),
        sa.Column("figures", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["classifier_id"], ["classifiers.id"], name=op.f("fk_activations_classifier_id_classifiers")
        ),
        sa.ForeignKeyConstraint(
            ["previous_id"], ["classifiers.id"], name=op.f("fk_activations_previous_id_classifiers")
        ),
        sa.ForeignKeyConstraint(["set_id"], ["evaluation_sets.id"], name=op.f("fk_activations_set_id_evaluation_sets")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activations")),
    )
