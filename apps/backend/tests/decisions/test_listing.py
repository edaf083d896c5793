"""Lists of decisions: the newest first, in pages, by what is asked for, in as many queries however many there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from apps.backend.decisions import granted
from apps.backend.identity import authenticator
from apps.backend.observation.request_ids import REQUEST_ID
from apps.backend.tests.decisions.conftest import Office
from apps.backend.tests.decisions.model_server import APPLICATION, POOR, described
from apps.backend.tests.product import StandingClock


@contextmanager
def counted(office: Office) -> Iterator[list[str]]:
    """Collect the statements that the backend sends to its database for a request: not what it does every second."""
    statements: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if REQUEST_ID.get() is not None:
            statements.append(statement)

    engine = office.product.parts.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_pages_come_newest_first_and_hold_everything_once(office: Office) -> None:
    made = [office.decided()["id"] for _ in range(5)]
    found, cursor = [], None
    while True:
        query = {"limit": 2} if cursor is None else {"limit": 2, "cursor": cursor}
        page = office.viewer.get("/api/v1/decisions", params=query).json()
        found += [entry["id"] for entry in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == made[::-1]


def test_a_summary_says_what_the_decision_says_without_its_data(office: Office) -> None:
    made = office.decided(POOR, subject="case 1")
    (entry,) = office.listed()
    assert entry == {name: made[name] for name in entry}
    assert not {"application", "reasons", "contributions"} & entry.keys()


def test_what_is_asked_for_is_what_comes(office: Office) -> None:
    good = office.decided(APPLICATION, subject="case 1")
    bad = office.decided(POOR, subject="case 2")
    office.models.version, office.models.models = "4", [described(version="4")]
    newer = office.decided(APPLICATION)

    def ids(**query: Any) -> list[str]:
        return [entry["id"] for entry in office.listed(**query)]

    assert ids(outcome="unfavourable") == [bad["id"]]
    assert ids(outcome="favourable") == [newer["id"], good["id"]]
    assert ids(subject="case 1") == [good["id"]]
    assert ids(version="4") == [newer["id"]]
    assert ids(model="loans", version="3") == [bad["id"], good["id"]]
    assert ids(model="other") == []
    assert ids(prediction_id=bad["prediction_id"]) == [bad["id"]]
    assert ids(since=bad["created_at"]) == [newer["id"], bad["id"]]
    assert ids(until=bad["created_at"]) == [good["id"]]
    assert ids(since=good["created_at"], until=newer["created_at"]) == [bad["id"], good["id"]]
    assert ids(since="2022-01-01T00:00:00Z") == ids() == [newer["id"], bad["id"], good["id"]]
    assert ids(until="2022-01-01T00:00:00Z") == ids(since="9999-12-31T23:59:59-12:00") == []
    assert ids(until="0001-01-01T00:00:00+12:00") == []


def test_states_are_made_appealed_and_overruled(office: Office) -> None:
    made, appealed, overruled, both = (office.decided(POOR)["id"] for _ in range(4))
    for decision in (appealed, both):
        office.analyst.post(f"/api/v1/decisions/{decision}/appeals", json={"grounds": "x"}).raise_for_status()
    for decision in (overruled, both):
        body = {"decision": 1, "reason": "x"}
        office.approver.post(f"/api/v1/decisions/{decision}/overrules", json=body).raise_for_status()
    expected = {"made": [made], "appealed": [both, appealed], "overruled": [overruled]}
    for state, decisions in expected.items():
        listed = office.listed(state=state)
        assert [entry["id"] for entry in listed] == decisions
        assert {entry["state"] for entry in listed} == {state}


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"}, {"limit": "201"}, {"cursor": "x"}, {"state": "x"}, {"outcome": "x"}, {"since": "2026-01-31"},
        {"since": "2026-01-31T12:00:00"}, {"model": ""}, {"model": "x" * 201},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_query_is_told_by_its_parameter(office: Office, query: dict[str, str]) -> None:
    answered = office.viewer.get("/api/v1/decisions", params=query)
    assert answered.status_code == 422
    assert answered.json()["errors"][0]["location"] == f"query.{next(iter(query))}"


def test_a_longer_list_needs_no_more_queries(office: Office) -> None:
    numbers = []
    for _ in range(2):
        for decision in [office.decided(POOR)["id"] for _ in range(3)]:
            office.analyst.post(f"/api/v1/decisions/{decision}/appeals", json={"grounds": "x"}).raise_for_status()
        with counted(office) as statements:
            office.listed()
        numbers.append(len([statement for statement in statements if "decision" in statement]))
    assert numbers == [4, 4]


def test_a_decision_is_one_transaction_that_writes(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (authenticator, granted):
        monkeypatch.setattr(module, "time", StandingClock())  # what was looked up is remembered
    office.decided()
    with counted(office) as statements:
        office.decided()
    asked = [statement.split()[0] for statement in statements if "BEGIN" not in statement]
    assert asked == ["INSERT", "SELECT", "INSERT", "UPDATE"]
