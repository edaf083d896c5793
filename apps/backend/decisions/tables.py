"""Tables of decisions and of what stands beside them. All but the reports are only ever added to."""

from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, Integer, SmallInteger, String, Table, Text

from apps.backend.storage.tables import DOCUMENT, ID, METADATA, MOMENT, NAME, identified, made_at, owned

ACTOR = String(60)


def _of_decision() -> Column[str]:
    return Column("decision_id", ID, ForeignKey("decisions.id"), nullable=False)


decisions = Table(
    "decisions",
    METADATA,
    identified(),
    owned(),
    made_at(),
    Column("asked_by", ACTOR, nullable=False),
    Column("asked_by_name", NAME, nullable=False),
    Column("request_id", String(64)),
    Column("subject", NAME),
    Column("model", NAME, nullable=False),
    Column("version", NAME),
    Column("evidence", NAME),
    Column("prediction_id", NAME, nullable=False),
    Column("score", Double, nullable=False),
    Column("decision", SmallInteger),
    Column("threshold", Double),
    Column("favourable_decision", SmallInteger),
    Column("outcome", String(20)),
    Column("positive_name", NAME, nullable=False),
    Column("negative_name", NAME, nullable=False),
    Column("application", DOCUMENT, nullable=False),
    Column("explanation", DOCUMENT, nullable=False),
    Index(None, "organisation_id", "id"),
    Index(None, "organisation_id", "subject", "id"),
)
"""`decision`, `threshold`, `favourable_decision`, `outcome`: null where the model predicts a number and decides
nothing. `positive_name`, `negative_name`: what the decisions 1 and 0 of the version stand for."""

appeals = Table(
    "decision_appeals",
    METADATA,
    identified(),
    owned(),
    made_at(),
    _of_decision(),
    Column("filed_by", ACTOR, nullable=False),
    Column("filed_by_name", NAME, nullable=False),
    Column("grounds", Text, nullable=False),
    Index(None, "decision_id", "id"),
)

appeal_answers = Table(
    "appeal_answers",
    METADATA,
    Column("appeal_id", ID, ForeignKey("decision_appeals.id"), primary_key=True),
    owned(),
    made_at(),
    Column("answered_by", ACTOR, nullable=False),
    Column("answered_by_name", NAME, nullable=False),
    Column("upheld", Boolean, nullable=False),
    Column("words", Text, nullable=False),
)

overrules = Table(
    "decision_overrules",
    METADATA,
    identified(),
    owned(),
    made_at(),
    _of_decision(),
    Column("overruled_by", ACTOR, nullable=False),
    Column("overruled_by_name", NAME, nullable=False),
    Column("decision", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Index(None, "decision_id", "id"),
)

reports = Table(
    "decision_outcomes",
    METADATA,
    identified(),
    owned(),
    made_at(),
    _of_decision(),
    Column("prediction_id", NAME, nullable=False),
    Column("reported_by", ACTOR, nullable=False),
    Column("reported_by_name", NAME, nullable=False),
    Column("label", Double, nullable=False),
    Column("observed_at", MOMENT),
    Column("source", NAME),
    Column("state", String(10), nullable=False),
    Column("tries", Integer, nullable=False),
    made_at("next_try_at"),
    Column("sent_at", MOMENT),
    Column("code", String(60)),
    Index(None, "decision_id", "id"),
    Index(None, "state", "next_try_at"),
)
"""`state`: pending, sent or refused. `code`: what the last try that failed ended with, as the model server calls it."""
