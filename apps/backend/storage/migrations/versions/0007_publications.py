"""The governance link: systems of models, publications and their items."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _owned() -> "sa.Column[str]":
    return sa.Column("organisation_id", sa.String(36), nullable=False)


def _owner(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_organisation_id"
    return sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=name)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "governance_systems",
        _owned(),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("system_id", sa.String(100), nullable=False),
        sa.Column("control_id", sa.String(100)),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", "model", name="pk_governance_systems"),
        _owner("governance_systems"),
    )
    op.create_table(
        "publications",
        sa.Column("id", sa.String(36), nullable=False),
        _owned(),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("version", sa.String(20), nullable=False),
        sa.Column("system_id", sa.String(100), nullable=False),
        sa.Column("control_id", sa.String(100)),
        sa.Column("requested_by", sa.String(60), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("evidence", sa.String(64)),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(60)),
        sa.Column("next_try_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_publications"),
        _owner("publications"),
    )
    op.create_index("ix_publications_organisation_id_state", "publications", ["organisation_id", "state"])
    op.create_index("ix_publications_state_next_try_at", "publications", ["state", "next_try_at"])
    op.create_table(
        "publication_items",
        sa.Column("id", sa.String(36), nullable=False),
        _owned(),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("system_id", sa.String(100), nullable=False),
        sa.Column("control_id", sa.String(100)),
        sa.Column("evidence", sa.String(64), nullable=False),
        sa.Column("part", sa.String(300), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("may_be_there", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.String(60)),
        sa.Column("next_try_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("store_id", sa.String(100)),
        sa.PrimaryKeyConstraint("id", name="pk_publication_items"),
        sa.UniqueConstraint("organisation_id", "name", name="uq_publication_items_organisation_id_name"),
        _owner("publication_items"),
    )
    op.create_index("ix_publication_items_state_next_try_at", "publication_items", ["state", "next_try_at"])


def downgrade() -> None:
    """Take the tables away, with what they hold."""
    for table in ("publication_items", "publications", "governance_systems"):
        op.drop_table(table)
