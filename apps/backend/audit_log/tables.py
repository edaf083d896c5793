"""Tables of the audit log: the entries, and the last of each organisation's chain.

The database itself refuses to change or remove an entry, and to move a head anywhere but to the next entry: triggers of
the migration see to it.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table, UniqueConstraint

from apps.backend.storage.tables import DOCUMENT, ID, METADATA, identified, made_at, owned

DIGEST = LargeBinary(32)
LONGEST_ACTOR = 60
LONGEST_ACTION = 60
LONGEST_TARGET = 300

audit_entries = Table(
    "audit_entries",
    METADATA,
    identified(),
    owned(),
    Column("sequence", BigInteger, nullable=False),
    made_at("at"),
    Column("actor", String(LONGEST_ACTOR), nullable=False),
    Column("action", String(LONGEST_ACTION), nullable=False),
    Column("target", String(LONGEST_TARGET)),
    Column("request_id", String(64)),
    Column("about", DOCUMENT, nullable=False),
    Column("digest", DIGEST, nullable=False),
    UniqueConstraint("organisation_id", "sequence"),
    Index(None, "organisation_id", "target", "sequence"),
    Index(None, "organisation_id", "at"),
)

audit_heads = Table(
    "audit_heads",
    METADATA,
    Column("organisation_id", ID, ForeignKey("organisations.id"), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("digest", DIGEST, nullable=False),
)
