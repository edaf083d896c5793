"""The rows of decisions, appeals and overrules never change: the database itself refuses it."""

from typing import Any

import pytest
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from apps.backend.decisions.tables import appeal_answers, appeals, decisions, overrules
from apps.backend.tests.decisions.conftest import Office
from apps.backend.tests.decisions.model_server import POOR

CHANGES = [
    (decisions, {"decision": 1}),
    (decisions, {"application": {}}),
    (decisions, {"organisation_id": "x"}),
    (appeals, {"grounds": "other"}),
    (appeal_answers, {"upheld": False}),
    (overrules, {"decision": 0}),
    (overrules, {"reason": "other"}),
]


def everything(office: Office) -> list[Any]:
    tables = (decisions, appeals, appeal_answers, overrules)
    return [office.rows(table.select().order_by(*table.primary_key.columns)) for table in tables]


@pytest.fixture
def reviewed(office: Office) -> Office:
    """An office with a decision that was appealed against, answered and overruled."""
    path = f"/api/v1/decisions/{office.decided(POOR)['id']}"
    appeal = office.analyst.post(f"{path}/appeals", json={"grounds": "x"}).json()["id"]
    office.approver.post(f"{path}/appeals/{appeal}/answer", json={"upheld": True, "words": "x"}).raise_for_status()
    office.approver.post(f"{path}/overrules", json={"decision": 1, "reason": "x"}).raise_for_status()
    return office


@pytest.mark.parametrize(("table", "change"), CHANGES, ids=lambda value: getattr(value, "name", str(value)))
def test_no_row_changes(reviewed: Office, table: Table, change: dict[str, object]) -> None:
    before = everything(reviewed)

    async def try_it() -> None:
        async with reviewed.product.parts.database.writing() as connection:
            await connection.execute(table.update().values(change))

    with pytest.raises(IntegrityError, match="never changed"):
        reviewed.product.run(try_it())
    assert everything(reviewed) == before


@pytest.mark.parametrize("table", [decisions, appeals, appeal_answers, overrules], ids=lambda table: table.name)
def test_no_row_is_replaced(reviewed: Office, table: Table) -> None:
    before = everything(reviewed)
    key = next(iter(table.primary_key.columns))

    async def try_it() -> None:
        async with reviewed.product.parts.database.writing() as connection:
            (row,) = (
                await connection.execute(table.select().where(table.c.organisation_id == reviewed.organisation.id))
            ).mappings()
            changed = {**row, "created_at": 0}
            if connection.dialect.name == "sqlite":
                await connection.execute(table.insert().prefix_with("OR REPLACE"), changed)
            else:
                replaced = postgresql.insert(table).on_conflict_do_update(index_elements=[key], set_={"created_at": 0})
                await connection.execute(replaced, changed)

    with pytest.raises(IntegrityError, match="never changed"):
        reviewed.product.run(try_it())
    assert everything(reviewed) == before


def test_nothing_that_is_asked_changes_a_decision(reviewed: Office) -> None:
    before = reviewed.rows(decisions.select().order_by(decisions.c.id))
    path = f"/api/v1/decisions/{reviewed.listed()[0]['id']}"
    for method in ("PUT", "PATCH", "DELETE"):
        assert reviewed.admin.request(method, path, json={"decision": 1}).status_code == 405
    reviewed.approver.post(f"{path}/overrules", json={"decision": 0, "reason": "x"}).raise_for_status()
    reviewed.analyst.post(f"{path}/outcomes", json={"label": 1}).raise_for_status()
    assert reviewed.rows(decisions.select().order_by(decisions.c.id)) == before
