"""MLflow's scoring protocol over real HTTP, and with MLflow's own clients."""

import io
import json
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
from mlflow.deployments import get_deploy_client
from mlflow.pyfunc.scoring_server import predictions_to_json
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

from apps.ml.deployment.tables.table_bodies import CSV_TYPE, PARQUET_TYPE
from apps.ml.features.request_frame import frame_from_records
from apps.ml.models.pyfunc_model import BundleModel
from apps.ml.tests.code.deployment.protocols.conftest import AMOUNTS, EVIDENCE, FEW, NUMBERS_ONLY, Peer, of_numbers

Records = list[dict[str, Any]]


def split(records: Records) -> dict[str, Any]:
    columns = list(reversed(records[0]))
    return {"columns": columns, "data": [[record[name] for name in columns] for record in records], "index": [9]}


def as_columns(records: Records) -> dict[str, list[Any]]:
    return {name: [record[name] for record in records] for name in records[0]}


def as_arrays(records: Records) -> list[list[Any]]:
    return [list(record.values()) for record in records]


FORMS: dict[str, Any] = {
    "dataframe_split": lambda records: {"dataframe_split": split(records)},
    "dataframe_records": lambda records: {"dataframe_records": records},
    "instances as objects": lambda records: {"instances": records},
    "instances as arrays": lambda records: {"instances": as_arrays(records)},
    "inputs as columns": lambda records: {"inputs": as_columns(records)},
    "inputs as objects": lambda records: {"inputs": records},
    "inputs as arrays": lambda records: {"inputs": as_arrays(records), "params": {}},
}


def predictions_of(peer: Peer, records: Records) -> list[dict[str, Any]]:
    """What the bundle's own MLflow model answers, in MLflow's JSON."""
    answers = peer.answers(records)
    assert answers.decisions is not None
    pairs = zip(answers.scores.tolist(), answers.decisions.tolist(), strict=True)
    return [{"score": score, "decision": decision} for score, decision in pairs]


@pytest.mark.parametrize("form", FORMS)
def test_every_json_form_gets_the_bundles_own_numbers(peer: Peer, records: Records, form: str) -> None:
    answer = peer.http.post("/invocations", json=FORMS[form](records))
    assert answer.json() == {"predictions": predictions_of(peer, records)}


def test_the_answer_is_what_mlflow_makes_of_the_bundles_own_model(peer: Peer, records: Records) -> None:
    model = BundleModel()
    model.bundle = peer.models["toy_loans"].bundle
    written = io.StringIO()
    predictions_to_json(model.predict(None, pd.DataFrame(records)), written)
    assert peer.http.post("/invocations", json={"inputs": records}).json() == json.loads(written.getvalue())


def test_a_single_value_per_column_is_one_row(peer: Peer, records: Records) -> None:
    answer = peer.http.post("/invocations", json={"inputs": records[0]})
    assert answer.json() == {"predictions": predictions_of(peer, records[:1])}


def test_csv_and_parquet_get_the_bundles_own_numbers(peer: Peer, records: Records) -> None:
    frame = frame_from_records(records, peer.models["toy_loans"].bundle.info.columns)
    parquet = io.BytesIO()
    frame.to_parquet(parquet)
    for content_type, body in ((CSV_TYPE, frame.to_csv(index=False).encode()), (PARQUET_TYPE, parquet.getvalue())):
        answer = peer.http.post("/invocations", content=body, headers={"Content-Type": content_type})
        assert answer.json() == {"predictions": predictions_of(peer, records)}


def test_mlflows_scoring_client_works_unchanged(peer: Peer, records: Records) -> None:
    address = urlsplit(peer.address)
    client = ScoringServerClient(address.hostname, address.port)
    client.wait_server_ready(timeout=60)
    assert client.get_version().startswith("3.")
    frame = frame_from_records(records, peer.models["toy_loans"].bundle.info.columns)
    answered = client.invoke(frame).get_predictions()
    pd.testing.assert_frame_equal(answered, pd.DataFrame(predictions_of(peer, records)), check_exact=True)
    assert client.invoke(records)["predictions"] == predictions_of(peer, records)


def test_mlflows_scoring_client_may_send_an_array_of_the_columns(peer: Peer, records: Records) -> None:
    address = urlsplit(f"{peer.address}/endpoints/{NUMBERS_ONLY}")
    client = ScoringServerClient(f"{address.hostname}:{address.port}{address.path}", 0)
    client.url_prefix = f"{peer.address}/endpoints/{NUMBERS_ONLY}"
    numbers = of_numbers(records)
    matrix = np.array([[np.nan if value is None else float(value) for value in row.values()] for row in numbers])
    scores = [entry["score"] for entry in client.invoke(matrix)["predictions"]]
    assert scores == peer.scores(numbers, NUMBERS_ONLY)


def test_mlflows_deployment_client_works_unchanged(peer: Peer, records: Records) -> None:
    client = get_deploy_client(peer.address)
    answer = client.predict(endpoint="toy_loans", inputs={"dataframe_split": split(records)})
    assert answer == {"predictions": predictions_of(peer, records)}


def test_headers_name_what_answered(peer: Peer, records: Records) -> None:
    body = {"inputs": of_numbers(records)}
    headers = peer.http.post(f"/endpoints/{NUMBERS_ONLY}/invocations", json=body).headers
    named = {name: headers[f"X-FairMind-{name}"] for name in ("Model", "Version", "Evidence")}
    assert named == {"Model": NUMBERS_ONLY, "Version": "3", "Evidence": EVIDENCE}
    assert headers["X-FairMind-Prediction"].endswith("0000")


def test_a_model_of_numbers_has_no_decision(peer: Peer, records: Records) -> None:
    answer = peer.http.post(f"/endpoints/{AMOUNTS}/invocations", json={"inputs": records}).json()
    assert answer == {"predictions": [{"score": score} for score in peer.scores(records, AMOUNTS)]}


@pytest.mark.parametrize("path", ["/ping", "/health"])
def test_ping_answers_one_line_break(peer: Peer, path: str) -> None:
    answer = peer.http.get(path)
    assert (answer.status_code, answer.text) == (200, "\n")


REFUSED: dict[str, tuple[Any, int, str]] = {
    "no form": ({"params": {}}, 400, "exactly one of"),
    "two forms": ({"instances": [{}], "inputs": [{}]}, 400, "exactly one of"),
    "an unknown key": ({"instances": [{}], "signature_name": "x"}, 400, "exactly one of"),
    "parameters": ({"instances": [{}], "params": {"threshold": 0.1}}, 400, "take no parameters"),
    "an array": ([1], 400, "not a JSON object"),
    "no rows": ({"dataframe_records": []}, 422, "no rows"),
    "rows that are no objects": ({"dataframe_records": [[1]]}, 400, "no array of objects"),
    "rows of another length": ({"inputs": [[1, 2]]}, 400, "no array of 4 values"),
    "columns of other lengths": ({"inputs": {"age": [1, 2], "purpose": ["car"]}}, 400, "different lengths"),
    "a value among columns": ({"inputs": {"age": [1, 2], "purpose": "car"}}, 400, "different lengths"),
    "split without columns": ({"dataframe_split": {"data": [[1]]}}, 400, "columns and data"),
    "split with a column twice": ({"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}, 400, "twice"),
    "split with numbered columns": ({"dataframe_split": {"columns": [0], "data": [[1]]}}, 400, "no array of names"),
    "split of objects": ({"dataframe_split": {"columns": ["a"], "data": [{"a": 1}]}}, 400, "array of arrays"),
    "too many rows": ({"instances": [{}] * (FEW.instances + 1)}, 413, "more than 60 rows"),
    "missing columns": ({"instances": [{"age": 1}]}, 422, "column 'purpose': the column is absent"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_misshapen_body_is_refused_in_mlflows_shape(peer: Peer, case: str) -> None:
    body, status, words = REFUSED[case]
    answer = peer.http.post("/invocations", json=body)
    content = answer.json()
    assert answer.status_code == status
    assert content.keys() == {"error_code", "message"}
    assert words in content["message"]


def test_a_column_too_many_is_refused(peer: Peer, records: Records) -> None:
    answer = peer.http.post("/invocations", json={"instances": [{**records[0], "shoe-size": 46}]})
    assert (answer.status_code, answer.json()["error_code"]) == (422, "INVALID_PARAMETER_VALUE")
    assert "column 'shoe-size': the model has no such column" in answer.json()["message"]
    assert "46" not in answer.text


def test_infinity_is_refused_though_nan_is_a_missing_value(peer: Peer, records: Records) -> None:
    missing = json.dumps({"instances": [{**records[0], "monthly-income": float("nan"), "purpose": "NaN \\"}]})
    assert peer.http.post("/invocations", content=missing, headers={"Content-Type": "application/json"}).json() == {
        "predictions": predictions_of(peer, [{**records[0], "monthly-income": None, "purpose": "NaN \\"}])
    }
    infinite = missing.replace("NaN,", "Infinity,")
    answer = peer.http.post("/invocations", content=infinite, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "BAD_REQUEST")


def test_another_content_type_is_refused(peer: Peer) -> None:
    answer = peer.http.post("/invocations", content=b"x", headers={"Content-Type": "text/html"})
    assert answer.status_code == 415
    assert "text/csv" in answer.json()["message"]


def test_a_model_that_is_not_served_is_refused(peer: Peer) -> None:
    answer = peer.http.post("/endpoints/nobody/invocations", json={"instances": [{}]})
    assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
