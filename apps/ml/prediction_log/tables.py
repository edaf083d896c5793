"""The tables of the prediction log. Moments are microseconds since 1970; calls are the 16 bytes of their name.

`calls` holds one row per answered call, whatever its number of rows. `inputs` is a JSON array with one array of values
per row, in the order of the version's columns without the sensitive ones; those lie in `sensitive_values`, one row per
call and column, joined by the call only for audits. `scores` and `decisions` are JSON arrays, one value per row.
Of an erased prediction the place in each array is null; a call that was erased whole keeps its row, without content.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

CALL_BYTES: Final = 16
metadata = MetaData()
Number = BigInteger().with_variant(Integer, "sqlite")
"""A key that counts by itself; SQLite counts only in a column of exactly this type."""

versions = Table(
    "versions",
    metadata,
    Column("bundle", String(64), primary_key=True),
    Column("model", Text, nullable=False),
    Column("version", Text),
    Column("address", Text, nullable=False),
    Column("evidence", Text),
    Column("threshold", Float(53)),
    Column("scorer", Text, nullable=False),
    Column("columns", Text, nullable=False),
    Column("first_served_at", BigInteger, nullable=False),
    Column("last_served_at", BigInteger, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("call", LargeBinary(CALL_BYTES), primary_key=True),
    Column("answered_at", BigInteger, nullable=False),
    Column("bundle", String(64), nullable=False),
    Column("arm", Text),
    Column("route", Text, nullable=False),
    Column("key_name", Text),
    Column("subject", String(64)),
    Column("request", Text),
    Column("row_count", Integer, nullable=False),
    Column("inputs", Text),
    Column("scores", Text),
    Column("decisions", Text),
    Column("erased_at", BigInteger),
    Index("calls_by_time", "answered_at"),
    Index("calls_by_version", "bundle", "answered_at"),
    Index(
        "calls_by_subject",
        "subject",
        sqlite_where=text("subject IS NOT NULL"),
        postgresql_where=text("subject IS NOT NULL"),
    ),
)

sensitive_values = Table(
    "sensitive_values",
    metadata,
    Column("call", LargeBinary(CALL_BYTES), primary_key=True),
    Column("column_name", Text, primary_key=True),
    Column("column_values", Text, nullable=False),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("call", LargeBinary(CALL_BYTES), nullable=False),
    Column("row_index", Integer, nullable=False),
    Column("label", Float(53), nullable=False),
    Column("reported_at", BigInteger, nullable=False),
    Column("observed_at", BigInteger),
    Column("source", Text),
    Column("key_name", Text),
    Index("outcomes_by_prediction", "call", "row_index", "reported_at", "id"),
    Index("outcomes_by_time", "reported_at"),
)
"""Every report of a label, the repeated and the corrected ones too."""

current_outcomes = Table(
    "current_outcomes",
    MetaData(),
    *(Column(column.name, column.type) for column in outcomes.columns),
)
"""A view: of each prediction the report that came last."""

journal_positions = Table(
    "journal_positions",
    metadata,
    Column("journal", String(32), primary_key=True),
    Column("segment", BigInteger, nullable=False),
    Column("byte_offset", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
"""How far each journal was read, written in the transaction of the entries themselves."""

rejections = Table(
    "rejections",
    metadata,
    Column("reason", String(32), primary_key=True),
    Column("entries", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
)
"""Entries that could not be stored, counted by reason."""

erasures = Table(
    "erasures",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("row_index", Integer, primary_key=True),
    Column("erased_at", BigInteger, nullable=False),
)
"""Tombstones: what was erased stays erased where an entry arrives later. Of the kind `subject` the name is the digest
and the row 0; of the kind `prediction` the name is the call in hexadecimal digits."""
