"""A strange client that knows nothing but /openapi.json finds the server as it is documented."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import Engine

from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.door_settings import DoorSettings
from apps.ml.deployment.protection.key_store import Wanted, create_key
from apps.ml.deployment.protection.key_text import SCOPES
from apps.ml.deployment.protection.paths import scope_of_path
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.prediction_log.database import writing
from apps.ml.prediction_log.journal import Journal
from apps.ml.tests.code.deployment.server_contract.conftest import ModelOf, serving_models, some_rows
from apps.ml.tests.code.deployment.server_contract.sound_requests import ROWS
from apps.ml.tests.code.deployment.server_contract.ways import WAYS, Way
from apps.ml.tests.code.deployment.server_contract.written_rows import JSON
from apps.ml.tests.protected_server import PATIENCE_SECONDS, Clock, ring_of

CONFORM = [status_code_conformance, content_type_conformance, response_schema_conformance]
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "negative_data_rejection,missing_required_header,unsupported_method,allow_header_conformance"
)
SERVED = """
[parameters]
"path.model" = "toy_loans"
"path.version" = "3"
"""
UNSERVED = ("nobody", "toy_loans@nobody", "%00", "%C3%A9%F0%9F%9B%B6", "%FF", "n" * 3_000, "toy_loans%0A", "..%5c")

EXAMPLES = 10
REQUESTS, MOST_ROWS = 60, 3
STRANGE = {"model": "toy_loans", "version": "3"}


@dataclass(frozen=True)
class Documented:
    """A running server and its document as a strange client reads it."""

    client: httpx.Client
    schema: Any

    def operation(self, path: str, method: str = "POST") -> Any:
        """Return an operation by the template of its path."""
        return self.schema[path][method]

    def operations(self) -> list[Any]:
        """Return every operation."""
        return [result.ok() for result in self.schema.get_all_operations()]

    def require_documented(self, operation: Any, answer: httpx.Response) -> None:
        """Raise what of status, content type and shape is not as documented."""
        operation.Case(path_parameters={**STRANGE}).validate_response(answer, checks=CONFORM)


def documented(client: httpx.Client, headers: dict[str, str] | None = None) -> Documented:
    """Read the document of a server."""
    address = f"{client.base_url}/openapi.json"
    config = schemathesis.Config(seed=1)
    schema = schemathesis.openapi.from_url(address, headers=headers or {}, config=config, timeout=PATIENCE_SECONDS)
    return Documented(client, schema)


@pytest.fixture(scope="module")
def models(bundle_folder: Path, model_of: ModelOf) -> list[ServedModel]:
    """A version that was registered, and a model of numbers that was loaded from a folder."""
    loans = FolderSource(bundle_folder).load()
    return [replace(loans, version="3", alias="champion", evidence="e" * 64), model_of("numbers")]


@pytest.fixture(scope="module")
def server(
    models: list[ServedModel], database: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Documented]:
    """A server of both, with administration and a prediction log, that asks nobody for a key."""
    journal = Journal(tmp_path_factory.mktemp("journal"))
    options = Options(engine=database, log=journal, webhook_secret="w" * 40)
    with closing(journal), serving_models(models, options) as client:
        yield documented(client)


def test_generated_requests_are_answered_as_documented(server: Documented, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(SERVED, encoding="utf-8")
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run"]
    options = ["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", f"{EXAMPLES}"]
    options += ["--generation-deterministic", "--no-color", "--exclude-operation-id", "admin_drain"]
    options += ["--request-timeout", f"{PATIENCE_SECONDS}", "--suppress-health-check", "too_slow"]
    address = f"{server.client.base_url}/openapi.json"
    run = subprocess.run([*command, address, *options], cwd=tmp_path, capture_output=True, text=True, timeout=1800)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    assert f"Tested: {len(server.operations()) - 1}" in run.stdout


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/explain"])
def test_every_row_that_the_schema_describes_is_answered(path: str, server: Documented) -> None:
    document = server.client.get("/openapi.json").json()
    asked = document["paths"][path]["post"]
    asked["requestBody"]["content"] = {JSON: asked["requestBody"]["content"][JSON]}
    requests = schemathesis.openapi.from_dict(document)[path]["POST"].as_strategy()

    @settings(max_examples=REQUESTS, deadline=None, derandomize=True, database=None)
    @given(st.data())
    def answered(data: st.DataObject) -> None:
        body: Any = data.draw(requests).body
        asked = {key: body[key] for key in body.keys() - {"model", "version", "alias"}}
        answer = server.client.post(path, json={**asked, "instances": asked["instances"][:MOST_ROWS]})
        assert answer.status_code == 200, (asked, answer.text)
        server.require_documented(server.operation(path), answer)

    answered()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_answers_have_the_documented_shape_and_content_type(
    way: Way, server: Documented, models: list[ServedModel]
) -> None:
    loans, wages = models
    for model, rows in ((loans, ROWS), (wages, some_rows(wages)[:3])):
        if "{model}" in way.path or model is loans:
            body = way.write(rows, model.bundle.info.columns)
            answer = server.client.post(way.path.format(model=model.name), content=body.content, headers=body.headers)
            assert answer.status_code == 200
            server.require_documented(server.operation(way.path.partition("?")[0]), answer)


@pytest.mark.parametrize("named", ["model", "version"])
def test_what_is_not_served_is_refused_as_documented(named: str, server: Documented) -> None:
    below = [one for one in server.operations() if f"{{{named}}}" in one.path]
    assert below
    for operation in below:
        for name in UNSERVED:
            path = operation.path.format(**STRANGE | {named: name})
            answer = server.client.request(operation.method, path, json={"instances": [{}], "inputs": [{}]})
            assert answer.status_code == 404, (path, answer.text)
            server.require_documented(operation, answer)


def test_labels_that_nobody_keeps_are_refused_as_documented(server: Documented, client: httpx.Client) -> None:
    answer = client.post("/v1/outcomes", json={"id": "1", "label": 1})
    assert answer.status_code == 404
    server.require_documented(server.operation("/v1/outcomes"), answer)


def test_the_door_refuses_every_operation_as_documented(models: list[ServedModel], database: Engine) -> None:
    clock = Clock()
    wanted = (Wanted("nobody", ("outcomes",)), Wanted("other", ("admin",)), Wanted("all", SCOPES, None, 1))
    with writing(database) as connection:
        nobody, other, once = (create_key(connection, one, clock.moment).text for one in wanted)
    door = Door(DoorSettings(), ring_of(database, clock))
    with serving_models(models, Options(engine=database, door=door)) as client:
        reader = documented(client, {"Authorization": f"Bearer {once}"})
        guarded = [one for one in reader.operations() if scope_of_path(one.path, one.method.upper()) is not None]
        assert {one.path for one in reader.operations()} - {one.path for one in guarded} == OPEN
        for operation in guarded:
            lacking = other if operation.path == "/v1/outcomes" else nobody
            for key, status in ((None, 401), ("fm_wrong", 401), (lacking, 403), (once, 429)):
                answer = ask(client, operation, key)
                assert answer.status_code == status, (operation.label, answer.text)
                reader.require_documented(operation, answer)
            assert int(answer.headers["retry-after"]) >= 1


def test_a_draining_server_refuses_every_operation_as_documented(models: list[ServedModel], database: Engine) -> None:
    with serving_models(models, Options(engine=database)) as client:
        reader = documented(client)
        drain = reader.operation("/v1/admin/drain")
        reader.require_documented(drain, ask(client, drain, None))
        for operation in reader.operations():
            answer = ask(client, operation, None)
            is_told = operation.path in OPEN - {"/healthz", "/", "/v2/health/live"}
            is_refused = operation.path not in OPEN or is_told
            assert answer.status_code == (503 if is_refused else 200), (operation.label, answer.text)
            reader.require_documented(operation, answer)


OPEN = {"/", "/healthz", "/readyz", "/ping", "/health", "/v2/health/live", "/v2/health/ready"}


def ask(client: httpx.Client, operation: Any, key: str | None) -> httpx.Response:
    """Ask an operation with nothing but a key."""
    headers = {} if key is None else {"X-API-Key": key}
    return client.request(operation.method.upper(), operation.path.format(**STRANGE), headers=headers)
