"""Tables of bias tests: data sets, tests, their metrics one by one, and their evidence records."""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, String, Table

from apps.backend.storage.tables import DOCUMENT, ID, METADATA, NAME, identified, made_at, owned

ACTOR = String(60)
VERDICT = String(20)

bias_datasets = Table(
    "bias_datasets",
    METADATA,
    identified(),
    owned(),
    made_at(),
    Column("made_by", ACTOR, nullable=False),
    Column("name", NAME, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("columns", DOCUMENT, nullable=False),
    Column("preview", DOCUMENT, nullable=False),
    Index(None, "organisation_id", "id"),
)
"""`kind`: csv or parquet; `columns`: name and type of each; `preview`: its first rows. The file lies beside."""

bias_tests = Table(
    "bias_tests",
    METADATA,
    identified(),
    owned(),
    made_at(),
    Column("made_by", ACTOR, nullable=False),
    Column("model", NAME, nullable=False),
    Column("dataset_id", ID, nullable=False),
    Column("verdict", VERDICT, nullable=False),
    Column("risk", VERDICT, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("evidence", String(200), nullable=False),
    Column("asked", DOCUMENT, nullable=False),
    Column("summary", DOCUMENT, nullable=False),
    Column("answer", DOCUMENT, nullable=False),
    Index(None, "organisation_id", "id"),
    Index(None, "organisation_id", "model", "id"),
    Index(None, "organisation_id", "dataset_id", "id"),
)
"""`dataset_id` names a data set that may have been deleted since; `asked`: the request; `answer`: what was
answered; `summary`: the part of it that lists show."""

bias_test_metrics = Table(
    "bias_test_metrics",
    METADATA,
    owned(),
    Column("test_id", ID, ForeignKey("bias_tests.id"), primary_key=True),
    Column("metric", String(60), primary_key=True),
    Column("verdict", VERDICT, nullable=False),
    Column("score", Float),
    Index(None, "organisation_id", "metric", "score"),
)
"""What statistics count; `score`: null where nothing was measured."""

bias_test_records = Table(
    "bias_test_records",
    METADATA,
    owned(),
    Column("test_id", ID, ForeignKey("bias_tests.id"), primary_key=True),
    Column("record", DOCUMENT, nullable=False),
)
"""The engine's evidence record, whose digest the test holds."""
