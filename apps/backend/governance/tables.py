"""Tables of the governance link: the systems of models, publications, and the items that were made of them."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from apps.backend.storage.tables import DOCUMENT, ID, METADATA, MOMENT, NAME, identified, made_at, owned

SYSTEM = String(100)
CONTROL = String(100)
CODE = String(60)

governance_systems = Table(
    "governance_systems",
    METADATA,
    Column("organisation_id", ID, ForeignKey("organisations.id"), primary_key=True),
    Column("model", NAME, primary_key=True),
    Column("system_id", SYSTEM, nullable=False),
    Column("control_id", CONTROL),
    made_at(),
)

publications = Table(
    "publications",
    METADATA,
    identified(),
    owned(),
    Column("model", NAME, nullable=False),
    Column("version", String(20), nullable=False),
    Column("system_id", SYSTEM, nullable=False),
    Column("control_id", CONTROL),
    Column("requested_by", String(60), nullable=False),
    made_at(),
    Column("state", String(20), nullable=False),
    Column("evidence", String(64)),
    Column("tries", Integer, nullable=False),
    Column("problem", CODE),
    Column("next_try_at", MOMENT),
    Column("ended_at", MOMENT),
    Index("ix_publications_organisation_id_state", "organisation_id", "state"),
    Index("ix_publications_state_next_try_at", "state", "next_try_at"),
)
"""`evidence`: digest of the record, once its items were made; `next_try_at`: when they are to be made, until then."""

publication_items = Table(
    "publication_items",
    METADATA,
    identified(),
    owned(),
    Column("name", String(80), nullable=False),
    Column("system_id", SYSTEM, nullable=False),
    Column("control_id", CONTROL),
    Column("evidence", String(64), nullable=False),
    Column("part", String(300), nullable=False),
    Column("body", DOCUMENT, nullable=False),
    made_at(),
    Column("state", String(20), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("may_be_there", Boolean, nullable=False),
    Column("problem", CODE),
    Column("next_try_at", MOMENT),
    Column("ended_at", MOMENT),
    Column("store_id", String(100)),
    UniqueConstraint("organisation_id", "name"),
    Index("ix_publication_items_state_next_try_at", "state", "next_try_at"),
)
"""The items of a publication are those of its system, control and evidence. `part`: of the evidence, as
`fairness.gender`; `body`: as the store gets it; `may_be_there`: it was sent and the answer is not known; `store_id`:
what the store calls it."""
