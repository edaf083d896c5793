"""The document itself: valid OpenAPI 3.1, every reference leads somewhere, every example is true and is answered."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from apps.ml.deployment.server.contract import CONTRACT_FILE
from apps.ml.tests.code.deployment.server_contract.conftest import ModelOf, serving_models

Document = dict[str, Any]
SHOWN = ("boosted trees", "adjusted by group and draw", "numbers")
"""Kinds of models whose columns differ."""

NAMED_SCHEMAS = ("properties", "$defs", "schemas", "patternProperties")


@pytest.fixture(scope="module", params=["committed", "running", *SHOWN])
def document(request: pytest.FixtureRequest) -> Document:
    """The committed document, that of a running server, and those of versions of several kinds."""
    if request.param == "committed":
        return read_contract()
    if request.param == "running":
        return shown_by(request.getfixturevalue("client"))
    model_of: ModelOf = request.getfixturevalue("model_of")
    with serving_models([model_of(request.param)]) as client:
        return shown_by(client)


def test_the_document_is_valid_openapi(document: Document) -> None:
    assert document["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(document).validate()
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_a_document_that_is_no_openapi_is_found_out() -> None:
    broken = read_contract()
    broken["paths"]["/v1/predict"]["post"]["responses"] = []
    with pytest.raises(jsonschema_rs.ValidationError, match='is not of type "object"'):
        schemathesis.openapi.from_dict(broken).validate()


def test_every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own(document: Document) -> None:
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert {part["$ref"] for part in parts_of(document) if "$ref" in part} <= schemas
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names) > 20


def test_every_example_and_default_is_valid_against_its_schema(document: Document) -> None:
    found = [(schema, example) for schema in schemas_of(document) for example in examples_of(schema)]
    assert len(found) > 5
    for schema, example in found:
        whole = {"components": document["components"], "allOf": [schema]}
        problems = [error.message for error in Draft202012Validator(whole).iter_errors(example)]
        assert not problems, (schema.get("title"), example, problems)


@pytest.mark.parametrize("kind", SHOWN)
def test_the_examples_of_a_loaded_version_are_answered(kind: str, model_of: ModelOf) -> None:
    with serving_models([model_of(kind)]) as client:
        schemas = shown_by(client)["components"]["schemas"]
        (request,) = schemas["PredictionRequest"]["examples"]
        (row,) = schemas["Instance"]["examples"]
        columns = schemas["Instance"]["properties"]
        rows = [{**row, name: example} for name, column in columns.items() for example in column["examples"]]
        assert len(rows) >= len(columns)
        for path in ("/v1/predict", "/v1/explain"):
            for body in (request, {"instances": [row]}, {"instances": rows[:20]}):
                answer = client.post(path, json=body)
                assert answer.status_code == 200, answer.text


def read_contract() -> Document:
    """Return the committed document."""
    document: Document = json.loads(CONTRACT_FILE.read_text(encoding="utf-8"))
    return document


def shown_by(client: httpx.Client) -> Document:
    """Return the document that a server shows."""
    document: Document = client.get("/openapi.json").json()
    return document


def examples_of(schema: Document) -> list[Any]:
    """Return what a schema shows: examples and the default."""
    single = [schema[key] for key in ("example", "default") if key in schema]
    return [*schema.get("examples", []), *single]


def schemas_of(document: Document) -> Iterator[Document]:
    """Every schema of a document, the inner ones too."""
    return (part for part in parts_of(document) if part.keys() & {"type", "anyOf", "oneOf", "allOf", "$ref", "const"})


def parts_of(part: Any, is_named: bool = False) -> Iterator[Document]:
    """Every object of a document but those whose keys are names and those that are examples."""
    if isinstance(part, list):
        for inner in part:
            yield from parts_of(inner)
    if not isinstance(part, dict):
        return
    if not is_named:
        yield part
    for key, inner in part.items():
        if is_named or key not in ("examples", "example", "default", "enum", "const"):
            yield from parts_of(inner, is_named=not is_named and key in NAMED_SCHEMAS)
