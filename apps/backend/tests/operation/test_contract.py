"""The interface is the one that is written down, and describes every refusal as a problem."""

import json
from pathlib import Path
from typing import Any

import pytest

from apps.backend.application import create_application
from apps.backend.operation.interface_file import COMMAND, PATH, differences, interface_text
from apps.backend.settings import Settings

ROOT = Path(__file__).resolve().parents[4]
OPEN_TO_ALL = {"open_session", "health", "readiness"}
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def interface() -> dict[str, Any]:
    settings = Settings(database="postgresql://127.0.0.1:9/nowhere")
    document: dict[str, Any] = json.loads(interface_text(create_application(settings)))
    return document


def operations(interface: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in interface["paths"].values() for operation in path.values()]


def test_the_interface_is_the_one_that_is_written_down(interface: dict[str, Any]) -> None:
    assert (ROOT / PATH).exists(), f"There is no {PATH}. Run `{COMMAND}`."
    written = json.loads((ROOT / PATH).read_text(encoding="utf-8"))
    found = differences(written, interface)
    assert not found, f"The interface changed at {found[:10]}. Look at the change, then run `{COMMAND}`."


def test_every_operation_has_a_name_of_its_own(interface: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(interface)]
    assert len(names) == len(set(names))
    assert all(name.isidentifier() for name in names)


def test_every_refusal_is_a_problem(interface: dict[str, Any]) -> None:
    for operation in operations(interface):
        refusals = {status: one for status, one in operation["responses"].items() if status[0] in "45d"}
        assert "default" in refusals
        for response in refusals.values():
            assert list(response["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in interface["components"]["schemas"]


def test_every_route_of_the_product_asks_who_calls(interface: dict[str, Any]) -> None:
    for operation in operations(interface):
        if operation["operationId"] in OPEN_TO_ALL | {"metrics"}:
            continue
        assert operation.get("security"), operation["operationId"]
        assert {"401", "403", "422", "429", "503"} <= set(operation["responses"]), operation["operationId"]


def test_every_reference_leads_somewhere(interface: dict[str, Any]) -> None:
    schemas = interface["components"]["schemas"]
    waiting: list[Any] = [interface]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "$ref" in part:
                assert part["$ref"].rpartition("/")[2] in schemas
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
