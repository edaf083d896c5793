"""Everything that is stored of an organisation: its rows in every table, and its files."""

import hashlib
from typing import Any

from sqlalchemy import Table

from apps.backend.every_table import METADATA
from apps.backend.tests.people.members import rows
from apps.backend.tests.product import Product

LEAST_TELLING = 8
"""Shorter texts, as names of roles, are everybody's."""


def stored(product: Product, organisation: str) -> dict[str, list[str]]:
    """Return the rows of every table that are an organisation's, and the digests of its files."""
    found = {name: _rows(product, table, organisation) for name, table in METADATA.tables.items()}
    folder = product.parts.settings.state / "datasets" / organisation
    files = sorted(folder.iterdir()) if folder.exists() else []
    return found | {"files": [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files]}


def texts(product: Product, organisation: str) -> set[str]:
    """Return every text of an organisation's rows that is long enough to be told from others'."""
    found: set[str] = set()
    for table in METADATA.tables.values():
        for row in rows(product, table.select().where(_owner(table) == organisation)):
            waiting: list[Any] = list(row)
            while waiting:
                part = waiting.pop()
                if isinstance(part, dict):
                    waiting += [*part, *part.values()]
                elif isinstance(part, list):
                    waiting += part
                elif isinstance(part, bytes):
                    found.add(part.hex())
                elif isinstance(part, str) and len(part) >= LEAST_TELLING:
                    found.add(part)
    return found


def _rows(product: Product, table: Table, organisation: str) -> list[str]:
    return sorted(repr(row) for row in rows(product, table.select().where(_owner(table) == organisation)))


def _owner(table: Table) -> Any:
    return table.c.id if table.name == "organisations" else table.c.organisation_id
