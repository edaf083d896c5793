"""What organisations do beside one another: counts, keys of repeated requests, files, answers at the same time."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import func, select

from apps.backend.every_table import METADATA
from apps.backend.identifiers import new_id
from apps.backend.tests.contract.one_of_everything import TABLE, Everything, make_one_of_everything
from apps.backend.tests.decisions.model_server import APPLICATION
from apps.backend.tests.isolation.asking_everything import ALWAYS, Operation
from apps.backend.tests.isolation.conftest import Isolated
from apps.backend.tests.isolation.what_is_stored import stored
from apps.backend.tests.people.members import rows

OF_THE_PROCESS = {"health", "readiness", "metrics"}
LISTS = {
    "list_users": ("users", "id"),
    "list_service_keys": ("service_keys", "id"),
    "list_audit_entries": ("audit_entries", "id"),
    "list_decisions": ("decisions", "id"),
    "list_outcomes": ("decision_outcomes", "id"),
    "list_datasets": ("bias_datasets", "dataset_id"),
    "list_bias_tests": ("bias_tests", "test_id"),
    "list_promotions": ("promotions", "id"),
    "list_publications": ("publications", "id"),
}
"""Operation → the table whose rows it lists, and what it calls their names."""


def reads(isolated: Isolated) -> list[Operation]:
    return [each for each in isolated.operations if each.method == "GET" and each.id not in OF_THE_PROCESS]


def answers(isolated: Isolated, of: Everything) -> dict[str, str]:
    """Return what an organisation's admin reads by every operation."""
    isolated.whole.services.reset_registry()
    found = {}
    for operation in reads(isolated):
        path = operation.path.format(**{name: of.names[name][0] for name in operation.path_names})
        answer = of.clients["admin"].get(path, params=list(ALWAYS.get(operation.id, ())))
        assert answer.status_code == 200, (path, answer.text)
        found[operation.id] = answer.text
    return found


def test_what_others_make_changes_no_list_and_no_count(isolated: Isolated) -> None:
    product = isolated.whole.product
    mine = make_one_of_everything(isolated.whole, product.organisation(f"Bank {new_id()}"), "watchword", "loans")
    before = answers(isolated, mine)
    make_one_of_everything(isolated.whole, isolated.asker.organisation, f"w{new_id()}", "loans")
    assert answers(isolated, mine) == before


def test_lists_hold_the_organisations_own_rows_and_all_of_them(isolated: Isolated) -> None:
    paged = {each.id for each in reads(isolated) if "cursor" in each.query_names and not each.path_names}
    assert paged == LISTS.keys(), f"say in {__name__} which rows the other lists hold"
    for of in (isolated.owner, isolated.asker):
        for operation in (each for each in reads(isolated) if each.id in paged):
            table, name = LISTS[operation.id]
            listed = [str(item[name]) for item in items(of, operation)]
            assert len(set(listed)) == len(listed)
            assert set(listed) == own_ids(isolated, of, table), operation.id


def items(of: Everything, operation: Operation) -> list[Any]:
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = of.clients["admin"].get(operation.path, params={"limit": 7, **cursor}).json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


def own_ids(isolated: Isolated, of: Everything, table: str) -> set[str]:
    columns = METADATA.tables[table].c
    query = select(columns.id).where(columns.organisation_id == of.organisation.id)
    return {str(row.id) for row in rows(isolated.whole.product, query)}


def test_statistics_count_the_organisations_own_tests(isolated: Isolated) -> None:
    tests, datasets = (METADATA.tables[name].c for name in ("bias_tests", "bias_datasets"))
    for of in (isolated.owner, isolated.asker):
        found = of.clients["viewer"].get("/api/v1/bias-v2/statistics").json()
        for columns, counted in ((tests, found["total_tests"]), (datasets, found["datasets"])):
            query = select(func.count()).where(columns.organisation_id == of.organisation.id)
            assert rows(isolated.whole.product, query) == [(counted,)]
        assert {model["model_id"] for model in found["models"]} <= {"loans", of.model}


def test_a_new_organisation_reads_nothing_of_those_before(isolated: Isolated) -> None:
    organisation = isolated.whole.product.organisation(f"New {new_id()}", ())
    client = organisation.client()
    for operation in reads(isolated):
        if operation.path_names:
            continue
        content = client.get(operation.path).json()
        if operation.id != "list_service_keys":
            assert not content.get("items")
        assert content.get("models", []) == content.get("systems", []) == []
        assert {value for value in content.values() if isinstance(value, int) and value is not True} <= {0}


def test_the_same_key_of_two_organisations_is_two_keys(isolated: Isolated) -> None:
    body = {"model": "loans", "application": APPLICATION}
    headers = {"Idempotency-Key": new_id()}
    of = (isolated.owner, isolated.asker, isolated.owner, isolated.asker)
    answered = [each.clients["analyst"].post("/api/v1/decisions", json=body, headers=headers) for each in of]
    assert [answer.status_code for answer in answered] == [201] * 4
    ids = [answer.json()["id"] for answer in answered]
    assert ids[0] == ids[2] != ids[1] == ids[3]
    other = {**body, "subject": "another"}
    refused = [each.clients["analyst"].post("/api/v1/decisions", json=other, headers=headers) for each in of]
    assert {answer.json()["code"] for answer in refused} == {"idempotency_key_reused"}


def test_a_file_lands_in_its_organisations_folder_whatever_its_name_says(isolated: Isolated) -> None:
    product, owner = isolated.whole.product, isolated.owner.organisation.id
    folder, dataset = product.parts.settings.state / "datasets", isolated.owner.names["dataset_id"][0]
    before, outside = stored(product, owner), sorted(folder.parent.iterdir())
    mine = folder / isolated.asker.organisation.id
    for name in (f"../{owner}/{dataset}", str(folder / owner / dataset), f"..\\{owner}\\{dataset}", dataset, "..", "."):
        known = {path.name for path in mine.iterdir()}
        answer = isolated.asker.clients["analyst"].post(
            "/api/v1/bias-v2/upload-dataset", files={"file": (name, TABLE)}, data={"name": name}
        )
        assert answer.status_code == 200, answer.text
        assert {path.name for path in mine.iterdir()} - known == {answer.json()["dataset_id"]}
    assert stored(product, owner) == before
    assert sorted(folder.parent.iterdir()) == outside


def test_answers_at_the_same_time_are_everybodys_own(isolated: Isolated) -> None:
    both = [isolated.whole.product.organisation(f"Bank {new_id()}") for _ in range(2)]
    clients = [each.client("analyst") for each in both]
    headers = {"Idempotency-Key": new_id()}

    def ask(number: int) -> tuple[int, int, str]:
        client, who = clients[number % 2], number % 2
        if number % 6 < 2:
            body = {"model": "loans", "application": APPLICATION, "subject": both[who].id}
            answer = client.post("/api/v1/decisions", json=body, headers=headers if number % 4 < 2 else {})
        else:
            answer = client.get("/api/v1/me" if number % 3 else "/api/v1/decisions")
        return who, answer.status_code, answer.text

    with ThreadPoolExecutor(16) as pool:
        told = list(pool.map(ask, range(300)))
    assert {status for _, status, _ in told} <= {200, 201, 409}
    assert [text for who, _, text in told if both[1 - who].id in text] == []
