"""From `dvc repro` to a roll back, through real processes: every step of a version's life as the product sees it."""

import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from apps.backend.demo.example import application_of, decisions_csv
from apps.backend.demo.stack import Stack
from tests.product.small_registry import MODEL
from tests.workspace import Workspace

pytestmark = pytest.mark.pipeline

DECISIONS = 500
PATIENCE_SECONDS = 180.0
"""How long is waited for what is to come; three processes that end one after the other may take half a minute each."""

API = "/api/v1"


@dataclass
class People:
    """Clients of one organisation, by role."""

    analyst: httpx.Client
    approver: httpx.Client
    admin: httpx.Client


@pytest.fixture(scope="module")
def people(stack: Stack) -> Iterator[People]:
    """An organisation whose admin signed in, with service keys of the other roles."""
    password = stack.command("organisations", "create", "Bank", "--admin", "ada@example.org", "--generate-password")
    stack.command("models", "grant", "Bank", MODEL)
    secrets = {
        role: stack.command("keys", "create", "Bank", role, "--role", role)["secret"]
        for role in ("analyst", "approver")
    }
    body = {"organisation": "Bank", "email": "ada@example.org", "password": password["password"]}
    with httpx.Client(base_url=stack.backend, timeout=PATIENCE_SECONDS) as stranger:
        secrets["admin"] = stranger.post(f"{API}/sessions", json=body).raise_for_status().json()["token"]
    clients = {
        role: httpx.Client(
            base_url=stack.backend, headers={"Authorization": f"Bearer {secret}"}, timeout=PATIENCE_SECONDS
        )
        for role, secret in secrets.items()
    }
    yield People(**clients)
    for client in clients.values():
        client.close()


@pytest.fixture(scope="module")
def decided(stack: Stack, people: People) -> list[dict[str, Any]]:
    """Five hundred decisions, eight at a time."""
    served = httpx.get(f"{stack.model_server}/v1/models", timeout=PATIENCE_SECONDS).json()["models"][0]
    draw = random.Random(0)  # noqa: S311 (examples)
    bodies = [
        {"model": MODEL, "application": application_of(served["columns"], draw), "subject": f"case-{number}"}
        for number in range(DECISIONS)
    ]

    def decide(body: dict[str, Any]) -> dict[str, Any]:
        answer = people.analyst.post(f"{API}/decisions", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(decide, bodies))


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.2)


def pages(client: httpx.Client, path: str, **query: Any) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        page = client.get(path, params={"limit": 200, **query, **({"cursor": cursor} if cursor else {})}).json()
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def test_every_decision_carries_version_evidence_and_reasons(
    workspace: Workspace, people: People, decided: list[dict[str, Any]]
) -> None:
    listed = people.analyst.get(f"{API}/models/{MODEL}/versions/1").json()
    assert {(made["model"], made["version"]) for made in decided} == {(MODEL, "1")}
    assert {made["evidence"] for made in decided} == {listed["evidence"]}
    assert len({made["id"] for made in decided}) == len({made["prediction_id"] for made in decided}) == DECISIONS
    unfavourable = [made for made in decided if made["decision"] == 0]
    assert unfavourable
    assert all(made["reasons"] for made in unfavourable)
    assert {one["id"] for one in pages(people.analyst, f"{API}/decisions")} == {made["id"] for made in decided}


def test_outcomes_travel_to_the_prediction_log(stack: Stack, people: People, decided: list[dict[str, Any]]) -> None:
    for made in decided[:100]:
        answer = people.analyst.post(f"{API}/decisions/{made['id']}/outcomes", json={"label": made["decision"]})
        assert answer.status_code in (200, 201, 202), answer.text

    def labels() -> int:
        path = stack.processes["model server"].environment["DATABASE_URL"].removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, timeout=PATIENCE_SECONDS)) as connection:
            return int(connection.execute("select count(*) from current_outcomes").fetchone()[0])

    until(lambda: labels() == 100)


def test_a_bias_test_gives_intervals_and_verdicts(people: People) -> None:
    file = {"file": ("decisions.csv", decisions_csv(2000), "text/csv")}
    uploaded = people.analyst.post(f"{API}/bias-v2/upload-dataset", files=file)
    assert uploaded.status_code in (200, 201), uploaded.text
    assert uploaded.json()["rows"] == 2000
    body = {
        "model_id": MODEL,
        "dataset_id": uploaded.json()["dataset_id"],
        "protected_attribute": "group",
        "prediction_column": "decision",
        "ground_truth_column": "label",
        "positive_label": 1,
    }
    tested = people.analyst.post(f"{API}/bias-v2/detect", json=body)
    assert tested.status_code in (200, 201), tested.text
    parity = tested.json()["results"]["demographic_parity"]
    assert parity["interval"][0] < parity["interval"][1]
    assert (
        people.analyst.get(f"{API}/bias-v2/test/{tested.json()['test_id']}").json()["results"]
        == tested.json()["results"]
    )


def test_the_evidence_is_that_of_the_working_tree(workspace: Workspace, people: People) -> None:
    found = people.analyst.get(f"{API}/models/{MODEL}/versions/2/evidence")
    assert found.json() == workspace.read_json("reports/evidence.json")
    documents = people.analyst.get(f"{API}/models/{MODEL}/versions/2/documents").json()["documents"]
    for document in documents:
        content = people.analyst.get(f"{API}/models/{MODEL}/versions/2/documents/{document['name']}")
        assert content.status_code == 200
        assert len(content.content) == document["bytes"]
    lineage = people.analyst.get(f"{API}/models/{MODEL}/versions/2/lineage").json()
    commit = workspace.run("git", "log", "-1", "--skip=1", "--format=%H").stdout.strip()
    assert any(commit in str(node) for node in lineage["nodes"])


def test_a_second_person_promotes_and_rolls_back(stack: Stack, people: People, decided: list[dict[str, Any]]) -> None:
    answering = decided[0]["version"]
    assert answering == "1"
    wish = {"kind": "promotion", "model": MODEL, "version": "2", "reason": "more trees"}
    asked = people.analyst.post(f"{API}/promotions", json=wish)
    assert asked.status_code in (200, 201), asked.text
    own = people.analyst.post(f"{API}/promotions/{asked.json()['id']}/approval", json={"words": "mine"})
    assert own.status_code == 403
    approved = people.approver.post(f"{API}/promotions/{asked.json()['id']}/approval", json={"words": "seen"})
    assert approved.status_code == 200, approved.text
    assert approved.json()["state"] == "done"
    until(lambda: served_version(people, decided[0]) == "2")

    back = people.analyst.post(f"{API}/promotions", json={"kind": "rollback", "model": MODEL, "reason": "as before"})
    done = people.approver.post(f"{API}/promotions/{back.json()['id']}/approval", json={"words": "seen"})
    assert done.status_code == 200, done.text
    until(lambda: served_version(people, decided[0]) == "1")


def served_version(people: People, made: dict[str, Any]) -> str:
    read = people.analyst.get(f"{API}/decisions/{made['id']}").json()
    answer = people.analyst.post(f"{API}/decisions", json={"model": MODEL, "application": read["application"]})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["version"])


def test_the_audit_log_of_all_this_is_unbroken(stack: Stack, people: People) -> None:
    found = people.admin.get(f"{API}/audit-log/verification").json()
    assert found["intact"] is True
    assert found["entries"] > DECISIONS
    assert stack.command("audit-log", "verify")["intact"] is True


def test_every_line_that_the_demo_prints_works(workspace: Workspace) -> None:
    command = [sys.executable, "-m", "apps.backend.demo", "--port", "0", "--model-port", "0", "--evidence-port", "0"]
    with subprocess.Popen([*command, "--json"], cwd=workspace.root, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            told = json.loads(demo.stdout.readline())
            for line in told["try"]:
                done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
                answered = json.loads(done.stdout)
                assert "code" not in answered, (line, answered)
        finally:
            demo.terminate()
            assert demo.wait(timeout=PATIENCE_SECONDS) == 0
