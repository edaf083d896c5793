"""What every part's tables are made with, and the tables that are nobody's own part.

Every table but `organisations` has the column `organisation_id`; a test holds all of them to it. Moments are
microseconds since 1970 (`moments`).
"""

import unicodedata
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, MetaData, String, Table
from sqlalchemy.types import JSON

ID = String(36)
MOMENT = BigInteger
NAME = String(200)
FOLDED_LENGTH = 600
FOLDED_NAME = String(FOLDED_LENGTH)
DOCUMENT = JSON(none_as_null=True)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def folded(name: str) -> str:
    """Return a name without case, width and doubled spaces: two names that people take for one become one."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())


def _folded_name(context: Any) -> str:
    return folded(context.get_current_parameters()["name"])


organisations = Table(
    "organisations",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("name", NAME, nullable=False),
    Column("folded_name", FOLDED_NAME, nullable=False, unique=True, default=_folded_name),
    Column("created_at", MOMENT, nullable=False),
)


def identified() -> Column[str]:
    """The primary key of a table whose rows clients name."""
    return Column("id", ID, primary_key=True)


def owned() -> Column[str]:
    """The organisation that a row belongs to."""
    return Column("organisation_id", ID, ForeignKey("organisations.id"), nullable=False)


def made_at(name: str = "created_at") -> Column[int]:
    """A moment that a row always has."""
    return Column(name, MOMENT, nullable=False)
