"""The OpenAPI document: committed in general, exact for the loaded model."""

import json
from pathlib import Path

import httpx

from apps.ml.deployment.server.contract import CONTRACT_FILE, contract_document, write_contract
from apps.ml.tests.code.deployment.conftest import COLUMNS

OPEN = {"/", "/healthz", "/readyz", "/ping", "/health", "/v2/health/live", "/v2/health/ready"}


def test_the_committed_contract_is_what_the_application_says() -> None:
    committed = json.loads(CONTRACT_FILE.read_text(encoding="utf-8"))
    assert committed == json.loads(json.dumps(contract_document())), (
        "write it anew: python -m apps.ml.deployment.server.contract"
    )


def test_the_contract_is_written_alike_each_time(tmp_path: Path) -> None:
    write_contract(tmp_path / "contract.json")
    assert (tmp_path / "contract.json").read_bytes() == CONTRACT_FILE.read_bytes()


def test_every_reference_in_the_contract_leads_somewhere() -> None:
    document = contract_document()
    text = json.dumps(document)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(document["components"]["schemas"])
    assert named


def test_a_running_server_shows_the_columns_of_its_model(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    instance = document["components"]["schemas"]["Instance"]
    assert list(instance["properties"]) == [column.name for column in COLUMNS] == instance["required"]
    assert instance["additionalProperties"] is False
    assert instance["properties"]["age"]["type"] == "integer"
    assert {"type": "null"} in instance["properties"]["monthly-income"]["anyOf"]
    request = document["components"]["schemas"]["PredictionRequest"]
    assert request["properties"]["instances"]["items"] == {"$ref": "#/components/schemas/Instance"}


def test_apart_from_the_columns_a_running_server_shows_the_contract(client: httpx.Client) -> None:
    documents = [client.get("/openapi.json").json(), json.loads(CONTRACT_FILE.read_text(encoding="utf-8"))]
    for document in documents:
        del document["components"]["schemas"]["Instance"]
        del document["components"]["schemas"]["PredictionRequest"]["examples"]
    assert documents[0] == documents[1]


def test_columns_show_their_training_range_and_examples_that_are_answered(client: httpx.Client) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    age = schemas["Instance"]["properties"]["age"]
    assert (age["x-training-minimum"], age["x-training-maximum"], age["examples"]) == (18, 90, [18])
    assert schemas["Instance"]["properties"]["purpose"]["examples"] == ["car", "home", "school"]
    (example,) = schemas["PredictionRequest"]["examples"]
    assert client.post("/v1/predict", json=example).status_code == 200


def test_a_version_can_be_named_whose_columns_are_shown(client: httpx.Client) -> None:
    assert client.get("/openapi.json?model=toy_loans").json() == client.get("/openapi.json").json()
    assert client.get("/openapi.json?model=another").status_code == 404


def test_every_operation_tells_which_key_it_needs_if_any(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    ways = document["components"]["securitySchemes"]
    assert {name: way["type"] for name, way in ways.items()} == {"bearer": "http", "key": "apiKey"}
    needed = {
        (path, method): {scope for way in operation["security"] for scopes in way.values() for scope in scopes}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert {path for (path, _), scopes in needed.items() if not scopes} == OPEN
    assert needed["/v1/explain", "post"] == {"explain"}
    assert needed["/v1/outcomes", "post"] == {"outcomes"}
    assert needed["/invocations", "post"] == {"predict"}
    assert all({} in operation["security"] for operation in document["paths"]["/v1/predict"].values())


def test_rows_of_the_peers_are_those_of_the_model() -> None:
    paths = contract_document()["paths"]
    (mlflow,) = [
        form["properties"]["dataframe_records"]["items"]
        for form in paths["/invocations"]["post"]["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
        if "dataframe_records" in form["properties"]
    ]
    kserve = paths["/v1/models/{model}:predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    row = {"$ref": "#/components/schemas/Instance"}
    assert mlflow == row
    assert row in kserve["properties"]["instances"]["items"]["anyOf"]
