"""KServe's first protocol over real HTTP. Its real client is in test_peer_clients."""

from typing import Any

import pytest

from apps.ml.deployment.native.schemas import Prediction
from apps.ml.tests.code.deployment.protocols.conftest import AMOUNTS, FEW, Peer

Records = list[dict[str, Any]]
PREDICT = "/v1/models/toy_loans:predict"


@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_rows_as_objects_or_arrays_get_the_bundles_own_numbers(peer: Peer, records: Records, key: str) -> None:
    arrays = [list(record.values()) for record in records]
    answers = [peer.http.post(PREDICT, json={key: rows}).json()["predictions"] for rows in (records, arrays)]
    for predictions in answers:
        read = [Prediction.model_validate(entry) for entry in predictions]
        assert [entry.score for entry in read] == peer.scores(records)
        assert [entry.decision for entry in read] == [int(entry.score >= (entry.threshold or 0)) for entry in read]
        assert len({entry.id for entry in read}) == len(records)


def test_a_model_of_numbers_decides_nothing(peer: Peer, records: Records) -> None:
    predictions = peer.http.post(f"/v1/models/{AMOUNTS}:predict", json={"instances": records}).json()["predictions"]
    assert [entry["score"] for entry in predictions] == peer.scores(records, AMOUNTS)
    assert {(entry["decision"], entry["threshold"]) for entry in predictions} == {(None, None)}


def test_a_model_tells_that_it_answers(peer: Peer) -> None:
    assert peer.http.get("/v1/models/toy_loans").json() == {"name": "toy_loans", "ready": True}
    assert peer.http.get("/").json() == {"status": "alive"}


def test_a_model_that_is_not_served_is_refused(peer: Peer) -> None:
    answers = [
        peer.http.get("/v1/models/nobody"),
        peer.http.post("/v1/models/nobody:predict", json={"instances": [{}]}),
    ]
    assert [(answer.status_code, list(answer.json())) for answer in answers] == [(404, ["error"])] * 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 400),
        ({}, 400),
        ({"instances": [{}], "parameters": {}}, 400),
        ({"instances": {}}, 400),
        ({"instances": []}, 422),
        ({"instances": [1]}, 422),
        ({"instances": [[1, 2]]}, 400),
        ({"instances": [[40, 1.5, "car", True], {}]}, 400),
        ({"instances": [{"age": 1}]}, 422),
        ({"instances": [{}] * (FEW.instances + 1)}, 413),
    ],
)
def test_a_wrong_body_is_refused_in_the_protocols_shape(peer: Peer, body: Any, status: int) -> None:
    answer = peer.http.post(PREDICT, json=body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


def test_another_content_type_than_json_is_refused(peer: Peer) -> None:
    assert peer.http.post(PREDICT, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
