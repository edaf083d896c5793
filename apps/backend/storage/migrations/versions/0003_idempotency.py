"""Keys of repeated requests, with what was answered; the audit log can only grow."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None

GROWS_ONLY = "the audit log can only grow"
INDEXES = {
    "ix_audit_entries_organisation_id_target_sequence": ["organisation_id", "target", "sequence"],
    "ix_audit_entries_organisation_id_at": ["organisation_id", "at"],
}
IS_NO_STEP = "new.organisation_id <> old.organisation_id OR new.sequence <> old.sequence + 1 OR new.digest = old.digest"
SQLITE_EVENTS = {
    "audit_entries_stay": "UPDATE ON audit_entries",
    "audit_entries_remain": "DELETE ON audit_entries",
    # INSERT OR REPLACE removes what is in its way without asking the trigger before.
    "audit_entries_are_new": "INSERT ON audit_entries WHEN EXISTS (SELECT 1 FROM audit_entries WHERE id = new.id "
    "OR (organisation_id = new.organisation_id AND sequence = new.sequence))",
    "audit_heads_step": f"UPDATE ON audit_heads WHEN {IS_NO_STEP}",
    "audit_heads_remain": "DELETE ON audit_heads",
    "audit_heads_are_new": "INSERT ON audit_heads WHEN new.sequence <> 0 "
    "OR EXISTS (SELECT 1 FROM audit_heads WHERE organisation_id = new.organisation_id)",
}
POSTGRESQL_EVENTS = {
    "audit_entries_stay": "UPDATE OR DELETE ON audit_entries FOR EACH ROW",
    "audit_entries_remain": "TRUNCATE ON audit_entries FOR EACH STATEMENT",
    "audit_heads_step": f"UPDATE ON audit_heads FOR EACH ROW WHEN ({IS_NO_STEP})",
    "audit_heads_stay": "DELETE ON audit_heads FOR EACH ROW",
    "audit_heads_remain": "TRUNCATE ON audit_heads FOR EACH STATEMENT",
}


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "idempotency_keys",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("organisation_id", sa.String(36), nullable=False),
        sa.Column("route", sa.String(500), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("body_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_idempotency_keys"),
        sa.UniqueConstraint(
            "organisation_id", "route", "key_digest", name="uq_idempotency_keys_organisation_id_route_key_digest"
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name="fk_idempotency_keys_organisation_id"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    for name, columns in INDEXES.items():
        op.create_index(name, "audit_entries", columns)
    for statement in _guards():
        op.execute(statement)


def downgrade() -> None:
    """Take it away, with what it holds; the audit log can be changed again."""
    for statement in _ends_of_guards():
        op.execute(statement)
    for name in INDEXES:
        op.drop_index(name, "audit_entries")
    op.drop_table("idempotency_keys")


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _guards() -> list[str]:
    if _is_sqlite():
        return [
            f"CREATE TRIGGER {name} BEFORE {event} BEGIN SELECT RAISE(ABORT, '{GROWS_ONLY}'); END"
            for name, event in SQLITE_EVENTS.items()
        ]
    return [
        f"CREATE FUNCTION audit_log_grows_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{GROWS_ONLY}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        *(
            f"CREATE TRIGGER {name} BEFORE {event} EXECUTE FUNCTION audit_log_grows_only()"
            for name, event in POSTGRESQL_EVENTS.items()
        ),
    ]


def _ends_of_guards() -> list[str]:
    if _is_sqlite():
        return [f"DROP TRIGGER {name}" for name in SQLITE_EVENTS]
    tables = {name: event.partition(" ON ")[2].split()[0] for name, event in POSTGRESQL_EVENTS.items()}
    return [
        *(f"DROP TRIGGER {name} ON {table}" for name, table in tables.items()),
        "DROP FUNCTION audit_log_grows_only()",
    ]
