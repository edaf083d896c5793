"""The tables of keys and of administration, in the database of the prediction log; its migrations make them.

Moments are microseconds since 1970, as everywhere in that database.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

METADATA = MetaData()

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("scopes", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("per_minute", Integer),
    Index("api_keys_by_name", "name", "created_at"),
)
"""One row per secret: a rotated key has several rows of one name."""

ADMIN_ACTIONS = Table(
    "admin_actions",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("request", Text),
    Column("result", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
)
"""Rows are only ever added. `number` counts from 1 without a gap; `previous` is the digest of the row before."""
