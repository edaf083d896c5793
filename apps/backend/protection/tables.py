"""Table of repeated requests."""

from sqlalchemy import Column, Index, LargeBinary, String, Table, Text, UniqueConstraint

from apps.backend.storage.tables import METADATA, identified, made_at, owned

DIGEST = LargeBinary(32)
LONGEST_ROUTE = 500

idempotency_keys = Table(
    "idempotency_keys",
    METADATA,
    identified(),
    owned(),
    Column("route", String(LONGEST_ROUTE), nullable=False),
    Column("key_digest", DIGEST, nullable=False),
    Column("body_digest", DIGEST, nullable=False),
    Column("answer", Text),
    made_at(),
    made_at("held_until"),
    UniqueConstraint("organisation_id", "route", "key_digest"),
    Index(None, "created_at"),
)
"""`answer`: the JSON text that was answered, null while the request runs; until `held_until` it is taken to run."""
