"""The OpenAPI document tells every route of the peers' protocols with the ways in which it refuses."""

from pathlib import Path
from typing import Any

import pytest

from apps.ml.deployment.protocols.documents import REASONS
from apps.ml.deployment.protocols.error_shapes import error_answer
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.errors import RequestError
from apps.ml.tests.code.deployment.protocols.conftest import peer_app

SCORING = (
    "/invocations",
    "/endpoints/{model}/invocations",
    "/v2/models/{model}/infer",
    "/v2/models/{model}/versions/{version}/infer",
    "/v1/models/{model}:predict",
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document of an application of the protocols alone."""
    return peer_app(Shelf([FolderSource(Path("nowhere"))]), Limits()).openapi()


@pytest.mark.parametrize("path", SCORING)
def test_a_scoring_route_tells_its_body_its_answer_and_every_refusal(document: dict[str, Any], path: str) -> None:
    operation = document["paths"][path]["post"]
    assert "application/json" in operation["requestBody"]["content"]
    assert {"200", *map(str, REASONS)} <= operation["responses"].keys()
    shape = operation["responses"]["429"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    answer = error_answer(path.replace("{", "").replace("}", ""), RequestError("x"))
    assert answer is not None
    told = document["components"]["schemas"][shape]["properties"]
    assert all(f'"{key}"'.encode() in bytes(answer.body) for key in told)


def test_every_operation_has_a_name_of_its_own_and_a_sentence(document: dict[str, Any]) -> None:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names) == 17
    assert all(operation["description"].endswith(".") for operation in operations)
