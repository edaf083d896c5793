"""The interface in a file: what clients are made from, and what a change of it is seen by."""

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI

PATH = Path("docs/contracts/backend.openapi.json")
COMMAND = "fairmind-backend openapi"


def interface_text(app: FastAPI) -> str:
    """Return the OpenAPI document as it is written: sorted, so that a change shows as what it is."""
    return json.dumps(app.openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def differences(written: Any, made: Any, place: str = "") -> list[str]:
    """Return where two documents differ, as paths in them; at most a few for each branch."""
    if isinstance(written, dict) and isinstance(made, dict):
        keys = sorted(written.keys() | made.keys())
        return [found for key in keys for found in _of_key(written, made, key, f"{place}/{key}")]
    return [] if written == made else [place or "/"]


def _of_key(written: dict[str, Any], made: dict[str, Any], key: str, place: str) -> list[str]:
    if key not in written:
        return [f"{place} (new)"]
    return differences(written[key], made[key], place) if key in made else [f"{place} (gone)"]
