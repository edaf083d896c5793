"""The table of promotions and roll backs that were asked for."""

from sqlalchemy import Boolean, Column, Index, Integer, String, Table

from apps.backend.storage.tables import DOCUMENT, METADATA, MOMENT, NAME, identified, made_at, owned

ACTOR = String(60)
WORDS = String(2000)

promotions = Table(
    "promotions",
    METADATA,
    identified(),
    owned(),
    Column("kind", String(20), nullable=False),
    Column("model", NAME, nullable=False),
    Column("version", String(20)),
    Column("champion", String(20)),
    Column("reason", WORDS, nullable=False),
    Column("state", String(20), nullable=False),
    Column("requested_by", ACTOR, nullable=False),
    Column("requested_by_name", NAME, nullable=False),
    made_at("requested_at"),
    Column("decided_by", ACTOR),
    Column("decided_by_name", NAME),
    Column("decided_at", MOMENT),
    Column("words", WORDS),
    Column("result", DOCUMENT),
    Column("ended_at", MOMENT),
    Column("tries", Integer, nullable=False),
    Column("may_be_done", Boolean, nullable=False),
    Column("problem", String(60)),
    Column("next_try_at", MOMENT),
    Index("ix_promotions_organisation_id_model", "organisation_id", "model"),
    Index("ix_promotions_state_next_try_at", "state", "next_try_at"),
)
"""`version`: None of a roll back; `champion`: who was champion when it was asked for; `may_be_done`: the registry was
asked and the answer is not known; `next_try_at`: of what is approved, when it is taken up again."""
