"""The committed OpenAPI document is what the application says."""

import ast
import json
from http import HTTPStatus
from inspect import getsource
from pathlib import Path

from apps.ml.evidence_service.contract import CONTRACT_FILE, contract_document, write_contract
from apps.ml.evidence_service.registry import refused
from apps.ml.tests.code.evidence_service.registry.published_registry import Asking

REPOSITORY = Path(__file__).resolve().parents[6]


def test_the_committed_contract_is_what_the_application_says() -> None:
    committed = json.loads(CONTRACT_FILE.read_text(encoding="utf-8"))
    assert committed == json.loads(json.dumps(contract_document())), (
        "write it anew: python -m apps.ml.evidence_service.contract"
    )


def test_the_contract_is_written_alike_each_time(tmp_path: Path) -> None:
    write_contract(tmp_path / "contract.json")
    assert (tmp_path / "contract.json").read_bytes() == CONTRACT_FILE.read_bytes()


def test_every_reference_leads_somewhere_and_no_shape_of_the_framework_is_promised() -> None:
    document = contract_document()
    text = json.dumps(document)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named
    assert named <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in text


def test_a_running_service_shows_the_contract(service: Asking) -> None:
    assert service.client.get("/openapi.json").json() == json.loads(CONTRACT_FILE.read_text(encoding="utf-8"))


def test_every_operation_says_how_it_refuses() -> None:
    for path, operations in contract_document()["paths"].items():
        for operation in operations.values():
            refusals = {status for status in operation["responses"] if status >= "400"}
            assert refusals >= {"401", "403", "429", "503"} or path in ("/healthz", "/readyz")
            assert operation["operationId"]


def test_every_code_of_a_refusal_is_documented_with_its_status() -> None:
    page = (REPOSITORY / "docs/api/evidence_service.md").read_text(encoding="utf-8")
    calls = [node for node in ast.walk(ast.parse(getsource(refused))) if isinstance(node, ast.Call)]
    codes = {
        (ast.unparse(call.args[0]), str(call.args[1].value))
        for call in calls
        if len(call.args) > 2 and isinstance(call.args[1], ast.Constant)
    }
    assert len(codes) > 12
    for status, code in codes:
        number = HTTPStatus[status.removeprefix("HTTPStatus.")].value
        lines = [line for line in page.splitlines() if f"`{code}`" in line]
        assert any(str(number) in line for line in lines), code
