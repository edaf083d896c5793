"""The prediction log: versions, calls, sensitive values, outcomes, positions, rejections, erasures."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = ("versions", "calls", "sensitive_values", "outcomes", "journal_positions", "rejections", "erasures")
CALL = sa.LargeBinary(16)
HAS_SUBJECT = sa.text("subject IS NOT NULL")
CURRENT_OUTCOMES = """
CREATE VIEW current_outcomes AS
SELECT id, call, row_index, label, reported_at, observed_at, source, key_name FROM outcomes AS reported
WHERE NOT EXISTS (
    SELECT 1 FROM outcomes AS later
    WHERE later.call = reported.call AND later.row_index = reported.row_index AND (
        later.reported_at > reported.reported_at
        OR (later.reported_at = reported.reported_at AND later.id > reported.id)
    )
)
"""


def upgrade() -> None:
    """Make the tables."""
    _make_answers()
    _make_outcomes()
    _make_books()


def downgrade() -> None:
    """Remove the tables with everything in them."""
    op.execute("DROP VIEW current_outcomes")
    for table in reversed(TABLES):
        op.drop_table(table)


def _make_answers() -> None:
    op.create_table(
        "versions",
        sa.Column("bundle", sa.String(64), primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Text),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text),
        sa.Column("threshold", sa.Float(53)),
        sa.Column("scorer", sa.Text, nullable=False),
        sa.Column("columns", sa.Text, nullable=False),
        sa.Column("first_served_at", sa.BigInteger, nullable=False),
        sa.Column("last_served_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "calls",
        sa.Column("call", CALL, primary_key=True),
        sa.Column("answered_at", sa.BigInteger, nullable=False),
        sa.Column("bundle", sa.String(64), nullable=False),
        sa.Column("arm", sa.Text),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("key_name", sa.Text),
        sa.Column("subject", sa.String(64)),
        sa.Column("request", sa.Text),
        sa.Column("row_count", sa.Integer, nullable=False),
        sa.Column("inputs", sa.Text),
        sa.Column("scores", sa.Text),
        sa.Column("decisions", sa.Text),
        sa.Column("erased_at", sa.BigInteger),
    )
    op.create_index("calls_by_time", "calls", ["answered_at"])
    op.create_index("calls_by_version", "calls", ["bundle", "answered_at"])
    op.create_index("calls_by_subject", "calls", ["subject"], sqlite_where=HAS_SUBJECT, postgresql_where=HAS_SUBJECT)
    op.create_table(
        "sensitive_values",
        sa.Column("call", CALL, primary_key=True),
        sa.Column("column_name", sa.Text, primary_key=True),
        sa.Column("column_values", sa.Text, nullable=False),
    )


def _make_outcomes() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "outcomes",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("call", CALL, nullable=False),
        sa.Column("row_index", sa.Integer, nullable=False),
        sa.Column("label", sa.Float(53), nullable=False),
        sa.Column("reported_at", sa.BigInteger, nullable=False),
        sa.Column("observed_at", sa.BigInteger),
        sa.Column("source", sa.Text),
        sa.Column("key_name", sa.Text),
    )
    op.create_index("outcomes_by_prediction", "outcomes", ["call", "row_index", "reported_at", "id"])
    op.create_index("outcomes_by_time", "outcomes", ["reported_at"])
    op.execute(CURRENT_OUTCOMES)


def _make_books() -> None:
    op.create_table(
        "journal_positions",
        sa.Column("journal", sa.String(32), primary_key=True),
        sa.Column("segment", sa.BigInteger, nullable=False),
        sa.Column("byte_offset", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "rejections",
        sa.Column("reason", sa.String(32), primary_key=True),
        sa.Column("entries", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "erasures",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("row_index", sa.Integer, primary_key=True),
        sa.Column("erased_at", sa.BigInteger, nullable=False),
    )
