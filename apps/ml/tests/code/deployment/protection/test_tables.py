"""The tables that migrations make are those that the code reads and writes."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect

from apps.ml.deployment.protection.tables import METADATA
from apps.ml.prediction_log.schema import downgrade, upgrade


def test_the_migrated_tables_are_the_tables_of_the_code(engine: Engine) -> None:
    def is_ours(name: str | None, kind: str, _: Any) -> bool:
        return kind != "table" or name in METADATA.tables

    with engine.connect() as connection:
        options = {"include_name": is_ours, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []


def test_the_change_can_be_taken_back_and_made_again(sqlite: Engine) -> None:
    downgrade(sqlite, "0001")
    assert not set(METADATA.tables) & set(inspect(sqlite).get_table_names())
    upgrade(sqlite)
    assert set(METADATA.tables) <= set(inspect(sqlite).get_table_names())
