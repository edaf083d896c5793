"""Data sets that were uploaded, bias tests of them, their metrics and their evidence records."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _id(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.String(36), nullable=False)


def _owner(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_organisation_id"
    return sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=name)


def _test(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["test_id"], ["bias_tests.id"], name=f"fk_{table}_test_id")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "bias_datasets",
        _id("id"),
        _id("organisation_id"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(60), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("preview", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bias_datasets"),
        _owner("bias_datasets"),
    )
    op.create_index("ix_bias_datasets_organisation_id_id", "bias_datasets", ["organisation_id", "id"])
    op.create_table(
        "bias_tests",
        _id("id"),
        _id("organisation_id"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(60), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        _id("dataset_id"),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("risk", sa.String(20), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.String(200), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bias_tests"),
        _owner("bias_tests"),
    )
    for columns in (
        ["organisation_id", "id"],
        ["organisation_id", "model", "id"],
        ["organisation_id", "dataset_id", "id"],
    ):
        op.create_index(f"ix_bias_tests_{'_'.join(columns)}", "bias_tests", columns)
    op.create_table(
        "bias_test_metrics",
        _id("organisation_id"),
        _id("test_id"),
        sa.Column("metric", sa.String(60), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("score", sa.Float()),
        sa.PrimaryKeyConstraint("test_id", "metric", name="pk_bias_test_metrics"),
        _owner("bias_test_metrics"),
        _test("bias_test_metrics"),
    )
    columns = ["organisation_id", "metric", "score"]
    op.create_index("ix_bias_test_metrics_organisation_id_metric_score", "bias_test_metrics", columns)
    op.create_table(
        "bias_test_records",
        _id("organisation_id"),
        _id("test_id"),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("test_id", name="pk_bias_test_records"),
        _owner("bias_test_records"),
        _test("bias_test_records"),
    )


def downgrade() -> None:
    """Take them away, with what they hold."""
    for table in ("bias_test_records", "bias_test_metrics", "bias_tests", "bias_datasets"):
        op.drop_table(table)
