"""Promotions and roll backs that a second person approves."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "promotions",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("organisation_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("version", sa.String(20)),
        sa.Column("champion", sa.String(20)),
        sa.Column("reason", sa.String(2000), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("requested_by", sa.String(60), nullable=False),
        sa.Column("requested_by_name", sa.String(200), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(60)),
        sa.Column("decided_by_name", sa.String(200)),
        sa.Column("decided_at", sa.BigInteger()),
        sa.Column("words", sa.String(2000)),
        sa.Column("result", sa.JSON()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("may_be_done", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.String(60)),
        sa.Column("next_try_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_promotions"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name="fk_promotions_organisation_id"),
    )
    op.create_index("ix_promotions_organisation_id_model", "promotions", ["organisation_id", "model"])
    op.create_index("ix_promotions_state_next_try_at", "promotions", ["state", "next_try_at"])


def downgrade() -> None:
    """Take the table away, with what it holds."""
    op.drop_table("promotions")
