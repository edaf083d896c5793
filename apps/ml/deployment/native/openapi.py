"""The OpenAPI document: what FastAPI knows of the routes, and the request of the loaded model's exact signature."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.native.predict_route import PATH
from apps.ml.deployment.native.request_schema import Envelope, example_row, row_model
from apps.ml.deployment.protection.paths import scope_of_path
from apps.ml.deployment.tables.table_bodies import READERS

REFERENCES = "#/components/schemas/{model}"
TABLE = {"schema": {"type": "string", "format": "binary"}}
KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer <key>`"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "Counts where both are there."},
}
"""How an API key is shown; not at all on a server that asks for none."""

FRAMEWORK_SHAPES = ("HTTPValidationError", "ValidationError")
"""FastAPI tells of a 422 in these shapes wherever a path has a parameter; no route here answers so."""


def openapi_document(app: FastAPI, columns: Sequence[ColumnSchema] | None) -> dict[str, Any]:
    """Return the document for a model with these columns; None (no model yet): rows are objects of any kind."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes, description=_about(columns))
    document["components"]["schemas"].update(_request_schemas(columns))
    rows = {"application/json": {"schema": {"$ref": REFERENCES.format(model="PredictionRequest")}}}
    tables = dict.fromkeys(READERS, TABLE)
    document["paths"][PATH]["post"]["requestBody"] = {"required": True, "content": {**rows, **tables}}
    _tell_of_keys(document)
    _leave_out_framework_shapes(document)
    return document


def _tell_of_keys(document: dict[str, Any]) -> None:
    """Tell how a key is shown, and of each operation which scope the key needs; none where none is asked for."""
    document["components"]["securitySchemes"] = KEYS
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            scope = scope_of_path(path, method.upper())
            needed = [] if scope is None else [scope]
            operation["security"] = [] if scope is None else [*({name: needed} for name in KEYS), {}]


def _leave_out_framework_shapes(document: dict[str, Any]) -> None:
    told = {"$ref": REFERENCES.format(model=FRAMEWORK_SHAPES[0])}
    for operations in document["paths"].values():
        for operation in operations.values():
            refused = operation["responses"].get("422", {}).get("content", {}).get("application/json", {})
            if refused.get("schema") == told:
                del operation["responses"]["422"]
    for shape in FRAMEWORK_SHAPES:
        document["components"]["schemas"].pop(shape, None)


def _about(columns: Sequence[ColumnSchema] | None) -> str:
    if columns is None:
        return "No model is loaded yet: `Instance` stands for the columns of the model to come."
    return "`Instance` holds exactly the columns and types of the loaded model."


def _request_schemas(columns: Sequence[ColumnSchema] | None) -> dict[str, Any]:
    models: list[tuple[Any, Any]] = [(Envelope, "validation")]
    if columns is not None:
        models.append((row_model(columns), "validation"))
    _, content = models_json_schema(models, ref_template=REFERENCES)
    schemas = content["$defs"]
    request = schemas.pop("Envelope")
    request["title"] = "PredictionRequest"
    if columns is not None:
        request["examples"] = [{"instances": [example_row(columns)]}]
    request["properties"]["instances"]["items"] = {"$ref": REFERENCES.format(model="Instance")}
    return {"Instance": {"type": "object", "title": "Instance"}, **schemas, "PredictionRequest": request}
