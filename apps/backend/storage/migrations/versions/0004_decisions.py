"""Decisions, and beside them appeals with their answers, overrules, and reports of what came of them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NEVER_CHANGED = {
    "decisions": "id",
    "decision_appeals": "id",
    "appeal_answers": "appeal_id",
    "decision_overrules": "id",
}
"""Tables and their keys."""

FUNCTION = "refuse_change_of_decisions"


def _made() -> "list[sa.Column[str] | sa.Column[int]]":
    return [
        sa.Column("organisation_id", sa.String(36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
    ]


def _named(table: str) -> "list[sa.Column[str] | sa.Column[int] | sa.PrimaryKeyConstraint]":
    return [
        sa.Column("id", sa.String(36), nullable=False),
        *_made(),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    ]


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}")


def _of_decision(table: str) -> "list[sa.Column[str] | sa.ForeignKeyConstraint]":
    return [
        sa.Column("decision_id", sa.String(36), nullable=False),
        _refers(table, "decision_id", "decisions"),
        _refers(table, "organisation_id", "organisations"),
    ]


def upgrade() -> None:
    """Make the tables, and let the database refuse changes of what is only ever added to."""
    _make_decisions()
    _make_appeals()
    _make_overrules()
    _make_reports()
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION 'rows of this table are never changed' USING ERRCODE = '23000'; END $$"
        )
    for table, key in NEVER_CHANGED.items():
        for trigger in _triggers(table, key, op.get_bind().dialect.name):
            op.execute(trigger)


def _triggers(table: str, key: str, kind: str) -> list[str]:
    change = f"CREATE TRIGGER {table}_never_change BEFORE UPDATE ON {table}"
    if kind == "postgresql":
        return [f"{change} FOR EACH ROW EXECUTE FUNCTION {FUNCTION}()"]
    # INSERT OR REPLACE removes what is in its way without asking the trigger before.
    is_there = f"EXISTS (SELECT 1 FROM {table} WHERE {key} = new.{key})"  # noqa: S608 (names from above)
    replace = f"CREATE TRIGGER {table}_are_new BEFORE INSERT ON {table} WHEN {is_there}"
    refuse = "BEGIN SELECT RAISE(ABORT, 'rows of this table are never changed'); END"
    return [f"{change} {refuse}", f"{replace} {refuse}"]


def _make_decisions() -> None:
    op.create_table(
        "decisions",
        *_named("decisions"),
        sa.Column("asked_by", sa.String(60), nullable=False),
        sa.Column("asked_by_name", sa.String(200), nullable=False),
        sa.Column("request_id", sa.String(64)),
        sa.Column("subject", sa.String(200)),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("version", sa.String(200)),
        sa.Column("evidence", sa.String(200)),
        sa.Column("prediction_id", sa.String(200), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("decision", sa.SmallInteger()),
        sa.Column("threshold", sa.Double()),
        sa.Column("favourable_decision", sa.SmallInteger()),
        sa.Column("outcome", sa.String(20)),
        sa.Column("positive_name", sa.String(200), nullable=False),
        sa.Column("negative_name", sa.String(200), nullable=False),
        sa.Column("application", sa.JSON(), nullable=False),
        sa.Column("explanation", sa.JSON(), nullable=False),
        _refers("decisions", "organisation_id", "organisations"),
    )
    op.create_index("ix_decisions_organisation_id_id", "decisions", ["organisation_id", "id"])
    op.create_index("ix_decisions_organisation_id_subject_id", "decisions", ["organisation_id", "subject", "id"])


def _make_appeals() -> None:
    op.create_table(
        "decision_appeals",
        *_named("decision_appeals"),
        *_of_decision("decision_appeals"),
        sa.Column("filed_by", sa.String(60), nullable=False),
        sa.Column("filed_by_name", sa.String(200), nullable=False),
        sa.Column("grounds", sa.Text(), nullable=False),
    )
    op.create_index("ix_decision_appeals_decision_id_id", "decision_appeals", ["decision_id", "id"])
    op.create_table(
        "appeal_answers",
        sa.Column("appeal_id", sa.String(36), nullable=False),
        *_made(),
        sa.Column("answered_by", sa.String(60), nullable=False),
        sa.Column("answered_by_name", sa.String(200), nullable=False),
        sa.Column("upheld", sa.Boolean(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("appeal_id", name="pk_appeal_answers"),
        _refers("appeal_answers", "appeal_id", "decision_appeals"),
        _refers("appeal_answers", "organisation_id", "organisations"),
    )


def _make_overrules() -> None:
    op.create_table(
        "decision_overrules",
        *_named("decision_overrules"),
        *_of_decision("decision_overrules"),
        sa.Column("overruled_by", sa.String(60), nullable=False),
        sa.Column("overruled_by_name", sa.String(200), nullable=False),
        sa.Column("decision", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_index("ix_decision_overrules_decision_id_id", "decision_overrules", ["decision_id", "id"])


def _make_reports() -> None:
    op.create_table(
        "decision_outcomes",
        *_named("decision_outcomes"),
        *_of_decision("decision_outcomes"),
        sa.Column("prediction_id", sa.String(200), nullable=False),
        sa.Column("reported_by", sa.String(60), nullable=False),
        sa.Column("reported_by_name", sa.String(200), nullable=False),
        sa.Column("label", sa.Double(), nullable=False),
        sa.Column("observed_at", sa.BigInteger()),
        sa.Column("source", sa.String(200)),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger()),
        sa.Column("code", sa.String(60)),
    )
    op.create_index("ix_decision_outcomes_decision_id_id", "decision_outcomes", ["decision_id", "id"])
    op.create_index("ix_decision_outcomes_state_next_try_at", "decision_outcomes", ["state", "next_try_at"])


def downgrade() -> None:
    """Take them away, with what they hold; triggers go with their tables."""
    for table in ("decision_outcomes", "decision_overrules", "appeal_answers", "decision_appeals", "decisions"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {FUNCTION}()")
