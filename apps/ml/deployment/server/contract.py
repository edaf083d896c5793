"""The committed OpenAPI document of the model server, drawn with an example model of one column per kind.

`python -m apps.ml.deployment.server.contract` writes it anew; a test fails while the file differs. A running server
shows the same document with the columns of its own model in `Instance`.
"""

from pathlib import Path
from typing import Any

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.native.openapi import openapi_document
from apps.ml.deployment.server.application import Application
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.files import write_json

CONTRACT_FILE = Path("docs/contracts/model_server.openapi.json")
EXAMPLE_COLUMNS = (
    ColumnSchema("age", "numeric", integer=True, nullable=False, minimum=18, description="Example: a whole number."),
    ColumnSchema("monthly_income", "numeric", description="Example: a number that may be missing."),
    ColumnSchema("purpose", "categorical", categories=("car", "home"), description="Example: a category."),
    ColumnSchema("owns_home", "boolean", nullable=False, description="Example: true or false."),
)


def contract_document() -> dict[str, Any]:
    """Return the document for the example model; no model is loaded for it."""
    return openapi_document(Application([FolderSource(Path("example"))]).api, EXAMPLE_COLUMNS)


def write_contract(path: Path = CONTRACT_FILE) -> None:
    """Write the document."""
    write_json(path, contract_document())


if __name__ == "__main__":
    write_contract()
