"""Organisations, users, sessions, service keys, granted models, and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
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
        "organisations",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("folded_name", sa.String(600), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organisations"),
        sa.UniqueConstraint("folded_name", name="uq_organisations_folded_name"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(36), nullable=False),
        _owned(),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("password", sa.String(200), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("organisation_id", "email", name="uq_users_organisation_id_email"),
        _owner("users"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(36), nullable=False),
        _owned(),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("digest", name="uq_sessions_digest"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id"),
        _owner("sessions"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "service_keys",
        sa.Column("id", sa.String(36), nullable=False),
        _owned(),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.Column("old_digest", sa.LargeBinary(32)),
        sa.Column("old_until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_service_keys"),
        sa.UniqueConstraint("digest", name="uq_service_keys_digest"),
        sa.UniqueConstraint("old_digest", name="uq_service_keys_old_digest"),
        sa.UniqueConstraint("organisation_id", "name", name="uq_service_keys_organisation_id_name"),
        _owner("service_keys"),
    )
    op.create_table(
        "model_grants",
        _owned(),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", "model", name="pk_model_grants"),
        _owner("model_grants"),
    )
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.String(36), nullable=False),
        _owned(),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(60), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("target", sa.String(300)),
        sa.Column("request_id", sa.String(64)),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
        sa.UniqueConstraint("organisation_id", "sequence", name="uq_audit_entries_organisation_id_sequence"),
        _owner("audit_entries"),
    )
    op.create_table(
        "audit_heads",
        _owned(),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", name="pk_audit_heads"),
        _owner("audit_heads"),
    )


def downgrade() -> None:
    """Take them away, with what they hold."""
    for table in ("audit_heads", "audit_entries", "model_grants", "service_keys", "sessions", "users", "organisations"):
        op.drop_table(table)
