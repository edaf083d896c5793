"""Damaged and malicious versions that somebody makes the champion, before a server starts and while it serves."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.ml.tests.code.deployment.server_faults.conftest import Environment, Scores
from apps.ml.tests.code.deployment.server_faults.load import under_load
from apps.ml.tests.code.deployment.server_faults.processes import wait_until
from apps.ml.tests.code.deployment.server_faults.stored import assert_right, metric
from apps.ml.tests.code.deployment.versions.published import BAD, Registry
from apps.ml.tests.served_process import END_SECONDS, ServedProcess, served_process

ALIAS = "under_attack"


@pytest.fixture(scope="module")
def server(
    registry: Registry, following: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedProcess]:
    """A server that follows an alias, which names the first version."""
    registry.point(ALIAS, "first")
    home = tmp_path_factory.mktemp("attacked")
    with served_process(home, "--model", f"models:/toy_loans@{ALIAS}", environment=following()) as served:
        served.wait_until_ready()
        yield served


def readiness(client: httpx.Client) -> dict[str, Any]:
    """Return what /readyz says of a server that answers."""
    answer = client.get("/readyz")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def is_in_order(told: dict[str, Any], version: str) -> bool:
    return (told["version"], told["notes"]) == (version, [])


def refused_versions(client: httpx.Client) -> float | None:
    return metric(client.get("/metrics").text, "fairmind_versions_refused")


def test_a_bad_champion_is_refused_and_told_of_while_the_one_before_it_answers(
    server: ServedProcess, registry: Registry, version_scores: Scores, rows: list[dict[str, Any]]
) -> None:
    first, second = registry.versions["first"], registry.versions["second"]
    with under_load(server.address, rows, clients=2) as heard, server.client() as client:
        wait_until(lambda: heard.told)
        for word, (_, says) in BAD.items():
            refused = re.compile(f"version {registry.versions[word]} is refused: .*{says}")
            registry.point(ALIAS, word)
            wait_until(lambda: any(refused.search(note) for note in readiness(client)["notes"]))  # noqa: B023
            assert readiness(client)["version"] == first
            assert refused_versions(client) == 1.0
        registry.point(ALIAS, "second")
        wait_until(lambda: is_in_order(readiness(client), second))
        assert refused_versions(client) == 0.0
        wait_until(lambda: heard.told[-1].version == second)
    assert (heard.refused, heard.unanswered) == ({}, {})
    assert {told.version for told in heard.told} == {first, second}
    assert_right(heard, version_scores)


def test_while_the_registry_is_away_answers_go_on_and_it_is_told(
    server: ServedProcess, registry: Registry, rows: list[dict[str, Any]]
) -> None:
    file = registry.root / "mlflow.db"
    with under_load(server.address, rows, clients=2) as heard, server.client() as client:
        away = shutil.move(file, file.with_suffix(".away"))
        try:
            wait_until(lambda: "no registry exists" in " ".join(readiness(client)["notes"]))
        finally:
            shutil.move(away, file)
        wait_until(lambda: readiness(client)["notes"] == [])
        wait_until(lambda: heard.told)
    assert (heard.refused, heard.unanswered, heard.broken) == ({}, {}, [])


def test_a_server_does_not_start_with_bad_versions_and_says_why_of_each(
    tmp_path: Path, registry: Registry, following: Environment
) -> None:
    numbers = {word: registry.versions[word] for word in BAD}
    models = [part for number in numbers.values() for part in ("--model", f"models:/toy_loans/{number}")]
    with served_process(tmp_path, *models, environment=following()) as server:
        output, _ = server.process.communicate(timeout=END_SECONDS)
    last = json.loads(output.splitlines()[-1])
    assert (server.process.returncode, last["exit_code"]) == (2, 2)
    assert re.search(next(iter(BAD.values()))[1], last["error"])
    logged = [json.loads(line) for line in (tmp_path / "stderr.log").read_text().splitlines()]
    refused = {event["version"]: event["reason"] for event in logged if event["event"] == "version_refused"}
    for word, number in numbers.items():
        assert re.search(BAD[word][1], refused[number])
