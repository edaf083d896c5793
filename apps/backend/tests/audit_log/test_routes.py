"""The audit log as admins read it over HTTP."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from apps.backend import moments
from apps.backend.audit_log.appending import append, append_as
from apps.backend.audit_log.tables import audit_entries
from apps.backend.tests.audit_log.chains import forge
from apps.backend.tests.product import Organisation, Product, caller_of

PATH = "/api/v1/audit-log"
ENTRIES = 25


@pytest.fixture(scope="module")
def organisation(product: Product) -> Organisation:
    """An organisation with 25 entries, beside one with others."""
    made = product.organisation("logged")
    beside = product.organisation("beside")

    async def write() -> None:
        for count in range(ENTRIES):
            async with product.parts.database.writing() as connection:
                action = "thing.done" if count % 2 else "thing.begun"
                await append(connection, caller_of(made), action, f"thing:{count % 5}", {"count": count})
                await append_as(connection, beside.id, "operator", "model.granted", "model:loans")

    product.run(write())
    return made


@pytest.fixture(scope="module")
def admin(organisation: Organisation) -> httpx.Client:
    return organisation.client("admin")


def pages(client: httpx.Client, **query: Any) -> Iterator[list[dict[str, Any]]]:
    cursor: dict[str, str] = {}
    while True:
        answer = client.get(PATH, params={**query, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield page["items"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


def sequences(client: httpx.Client, **query: Any) -> list[int]:
    return [entry["sequence"] for page in pages(client, **query) for entry in page]


def test_pages_hold_every_entry_once_the_newest_first(admin: httpx.Client) -> None:
    assert sequences(admin, limit=7) == list(range(ENTRIES, 0, -1))
    assert [len(page) for page in pages(admin, limit=7)] == [7, 7, 7, 4]


def test_an_entry_says_who_did_what_when(admin: httpx.Client) -> None:
    entry = admin.get(PATH, params={"limit": 1}).json()["items"][0]
    assert (entry["actor"], entry["action"], entry["target"]) == ("key:admin", "thing.begun", "thing:4")
    assert entry["about"] == {"count": 24}
    assert entry["at"].endswith("Z")
    assert len(bytes.fromhex(entry["digest"])) == 32


def test_filters_choose(admin: httpx.Client) -> None:
    assert sequences(admin, action="thing.done") == list(range(24, 0, -2))
    assert sequences(admin, target="thing:3", limit=2) == [24, 19, 14, 9, 4]
    assert sequences(admin, actor="key:admin", action="thing.done", target="thing:3") == [24, 14, 4]
    assert sequences(admin, actor="operator") == []


def test_moments_choose(admin: httpx.Client) -> None:
    entries = [entry for page in pages(admin) for entry in page]
    tenth = next(entry["at"] for entry in entries if entry["sequence"] == 10)
    assert sequences(admin, since=tenth) == list(range(ENTRIES, 9, -1))
    assert sequences(admin, until=tenth) == list(range(9, 0, -1))
    assert admin.get(PATH, params={"since": "2026-01-01T00:00:00"}).status_code == 422, "a moment needs its time zone"


@pytest.mark.parametrize("role", ["viewer", "analyst", "approver"])
def test_only_admins_read_it(organisation: Organisation, role: Any) -> None:
    client = organisation.client(role)
    for path in (PATH, f"{PATH}/verification"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")


def test_another_organisation_sees_its_own(product: Product) -> None:
    beside = next(each for each in product.organisations if each.name == "beside")
    entries = [entry for page in pages(beside.client("admin")) for entry in page]
    assert {entry["action"] for entry in entries} == {"model.granted"}


@pytest.mark.parametrize(
    "query", [{"cursor": "-1"}, {"cursor": "x"}, {"cursor": "9" * 30}, {"limit": 0}, {"limit": 201}]
)
def test_what_is_no_page_is_refused(admin: httpx.Client, query: dict[str, Any]) -> None:
    assert admin.get(PATH, params=query).status_code == 422


def test_verification_finds_a_forged_entry(product: Product) -> None:
    forged = product.organisation("forged")

    async def write() -> None:
        for _ in range(3):
            async with product.parts.database.writing() as connection:
                await append(connection, caller_of(forged), "thing.done")

    product.run(write())
    client = forged.client("admin")
    whole = client.get(f"{PATH}/verification").json()
    last = client.get(PATH, params={"limit": 1}).json()["items"][0]
    assert whole == {"entries": 3, "intact": True, "broken_at": None, "digest": last["digest"]}
    statement = update(audit_entries).where(audit_entries.c.organisation_id == forged.id, audit_entries.c.sequence == 2)
    product.run(forge(product.parts.database, "audit_entries", statement.values(at=moments.now())))
    broken = client.get(f"{PATH}/verification").json()
    assert (broken["entries"], broken["intact"], broken["broken_at"]) == (3, False, 2)
