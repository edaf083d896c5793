"""Tables of people: users, their sessions, service keys, and the models that an organisation may use.

An email is unique in its organisation alone: a refusal of a taken one tells nothing about other organisations.
"""

from sqlalchemy import Boolean, Column, ForeignKey, LargeBinary, String, Table, UniqueConstraint

from apps.backend.storage.tables import ID, METADATA, MOMENT, NAME, identified, made_at, owned

DIGEST = LargeBinary(32)

users = Table(
    "users",
    METADATA,
    identified(),
    owned(),
    Column("email", String(320), nullable=False),
    Column("name", NAME, nullable=False),
    Column("role", String(20), nullable=False),
    Column("password", String(200), nullable=False),
    Column("is_active", Boolean, nullable=False),
    made_at(),
    UniqueConstraint("organisation_id", "email"),
)

sessions = Table(
    "sessions",
    METADATA,
    identified(),
    owned(),
    Column("user_id", ID, ForeignKey("users.id"), nullable=False, index=True),
    Column("digest", DIGEST, nullable=False, unique=True),
    made_at(),
    made_at("expires_at"),
)

# `old_digest`: of the secret that a rotation replaced; it opens until `old_until`.
service_keys = Table(
    "service_keys",
    METADATA,
    identified(),
    owned(),
    Column("name", NAME, nullable=False),
    Column("role", String(20), nullable=False),
    Column("digest", DIGEST, nullable=False, unique=True),
    made_at(),
    Column("expires_at", MOMENT),
    Column("revoked_at", MOMENT),
    Column("old_digest", DIGEST, unique=True),
    Column("old_until", MOMENT),
    UniqueConstraint("organisation_id", "name"),
)

model_grants = Table(
    "model_grants",
    METADATA,
    Column("organisation_id", ID, ForeignKey("organisations.id"), primary_key=True),
    Column("model", NAME, primary_key=True),
    made_at(),
)
