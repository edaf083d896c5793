"""The committed OpenAPI document of the evidence service.

`python -m apps.ml.evidence_service.contract` writes it anew; a test fails while the file differs.
"""

from pathlib import Path
from typing import Any

from apps.ml.evidence_service.application import EvidenceApplication
from apps.ml.files import write_json

CONTRACT_FILE = Path("docs/contracts/evidence_service.openapi.json")


def contract_document() -> dict[str, Any]:
    """Return the document; no store is asked for it."""
    return EvidenceApplication().api.openapi()


def write_contract(path: Path = CONTRACT_FILE) -> None:
    """Write the document."""
    write_json(path, contract_document())


if __name__ == "__main__":
    write_contract()
