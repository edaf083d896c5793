"""Tables of the audit log: the entries, and the last of each organisation's chain."""

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, String, Table, UniqueConstraint

from apps.backend.storage.tables import DOCUMENT, ID, METADATA, identified, made_at, owned

DIGEST = LargeBinary(32)

audit_entries = Table(
    "audit_entries",
    METADATA,
    identified(),
    owned(),
    Column("sequence", BigInteger, nullable=False),
    made_at("at"),
    Column("actor", String(60), nullable=False),
    Column("action", String(60), nullable=False),
    Column("target", String(300)),
    Column("request_id", String(64)),
    Column("about", DOCUMENT, nullable=False),
    Column("digest", DIGEST, nullable=False),
    UniqueConstraint("organisation_id", "sequence"),
)

audit_heads = Table(
    "audit_heads",
    METADATA,
    Column("organisation_id", ID, ForeignKey("organisations.id"), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("digest", DIGEST, nullable=False),
)
