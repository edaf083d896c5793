"""Every refusal of a peer's path has the shape that its clients look for, whoever refuses."""

import json
from http import HTTPStatus
from pathlib import Path

import pytest

from apps.ml.deployment.protocols.error_shapes import error_answer, reshaped
from apps.ml.deployment.requests.refusals import RefusalError, refusal
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.errors import RequestError
from apps.ml.tests.code.deployment.protocols.conftest import FEW, peer_app
from apps.ml.tests.protected_server import serving

BUSY = RefusalError(HTTPStatus.TOO_MANY_REQUESTS, "busy", "Too much. Wait.", headers={"Retry-After": "7"})
MLFLOW = ("/invocations", "/ping", "/health", "/version", "/endpoints/loans/invocations")
INFERENCE = ("/v2", "/v2/health/ready", "/v2/models/loans/infer", "/v2/nothing", "/v1/models/a", "/v1/models/a:predict")
NATIVE = ("/v1/models", "/v1/predict", "/v1/models/a/b", "/healthz", "/v22", "/invocations/x", "/")


@pytest.mark.parametrize("path", MLFLOW)
def test_a_refusal_of_mlflows_paths_has_mlflows_shape(path: str) -> None:
    answer = error_answer(path, BUSY)
    assert answer is not None
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert json.loads(bytes(answer.body)) == {"error_code": "RESOURCE_EXHAUSTED", "message": "Too much. Wait."}


@pytest.mark.parametrize("path", INFERENCE)
def test_a_refusal_of_inference_paths_has_one_key(path: str) -> None:
    answer = error_answer(path, BUSY)
    assert answer is not None
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert json.loads(bytes(answer.body)) == {"error": "Too much. Wait."}


@pytest.mark.parametrize("path", NATIVE)
def test_native_paths_keep_the_native_shape(path: str) -> None:
    assert error_answer(path, BUSY) is None


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "BAD_REQUEST"), (401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED"), (405, "BAD_REQUEST"),
     (413, "BAD_REQUEST"), (500, "INTERNAL_ERROR"), (503, "TEMPORARILY_UNAVAILABLE"), (504, "INTERNAL_ERROR")],
)  # fmt: skip
def test_mlflows_names_belong_to_their_status(status: int, code: str) -> None:
    answer = error_answer("/invocations", RefusalError(HTTPStatus(status), "x", "x"))
    assert answer is not None
    assert (answer.status_code, json.loads(bytes(answer.body))["error_code"]) == (status, code)


def test_a_misfit_is_unprocessable() -> None:
    answer = error_answer("/v2/models/loans/infer", RequestError("It does not fit."))
    assert answer is not None
    assert (answer.status_code, bytes(answer.body)) == (422, b'{"error":"It does not fit."}')


def test_a_native_error_takes_the_shape_of_the_path_and_keeps_its_headers() -> None:
    native = refusal(405, "method_not_allowed", "Ask otherwise.", headers={"Allow": "POST"})
    answer = reshaped("/v2/models/loans/infer", native)
    assert (answer.status_code, answer.headers["allow"], bytes(answer.body)) == (
        405,
        "POST",
        b'{"error":"Ask otherwise."}',
    )
    assert reshaped("/v1/predict", native) is native


def test_a_server_without_a_model_says_so_in_every_protocol() -> None:
    with serving(peer_app(Shelf([FolderSource(Path("nowhere"))]), FEW)) as client:
        asked = [
            client.get(path) for path in ("/ping", "/v2/health/ready", "/v2/models/loans/ready", "/v1/models/loans")
        ]
        asked += [client.post("/invocations", json={"instances": [{}]})]
        live = client.get("/v2/health/live").json()
    assert [answer.status_code for answer in asked] == [503] * 5
    assert all(answer.headers["retry-after"] for answer in asked)
    assert asked[0].json()["error_code"] == asked[4].json()["error_code"] == "TEMPORARILY_UNAVAILABLE"
    assert asked[1].json()["ready"] is False
    assert asked[1].json()["error"].startswith("The model nowhere is being loaded")
    assert live == {"live": True, "ready": False}


def test_a_prefix_of_a_proxy_leaves_the_shape() -> None:
    app = peer_app(Shelf([FolderSource(Path("nowhere"))]), FEW)
    app.root_path = "/loans"
    with serving(app) as client:
        answers = [client.get("/loans/ping"), client.get("/loans/v2/nothing")]
    assert [answer.status_code for answer in answers] == [503, 404]
    assert [list(answer.json()) for answer in answers] == [["error_code", "message"], ["error"]]
