"""The committed JSON Schema of the evidence record, drawn from the types of its layout.

`python -m apps.ml.evaluation.record.schema` writes it anew; a test fails while the committed file differs.
"""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from apps.ml.evaluation.record.layout import FORMAT, DecisionRecord, NumberRecord
from apps.ml.files import write_json

SCHEMA_FILE = Path("docs/contracts/evidence.schema.json")
FOUND = {
    "description": "Content of an open part: whatever carries both `value` and `n` must be a measurement.",
    "if": {"type": "object", "required": ["value", "n"]},
    "then": {"$ref": "#/$defs/Measured"},
    "else": {
        "type": ["object", "array", "string", "number", "boolean", "null"],
        "additionalProperties": {"$ref": "#/$defs/Found"},
        "items": {"$ref": "#/$defs/Found"},
    },
}
"""`Found` in one pass; the alternatives that pydantic draws would be tried at every depth again."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def evidence_schema() -> dict[str, Any]:
    """Return the JSON Schema of a record; the digest and sums over groups are checked by code alone."""
    either: TypeAdapter[Any] = TypeAdapter(DecisionRecord | NumberRecord)
    schema = either.json_schema()
    schema["$defs"]["Found"] = FOUND
    return {"$schema": DIALECT, "title": f"FairMind evidence record, formats 2 and {FORMAT}", **schema}


def write_schema(path: Path = SCHEMA_FILE) -> None:
    """Write the schema."""
    write_json(path, evidence_schema())


if __name__ == "__main__":
    write_schema()
