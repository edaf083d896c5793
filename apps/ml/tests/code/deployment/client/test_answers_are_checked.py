"""An answer that breaks the contract is never handed on, and what it holds is not told."""

import json
from typing import Any

import pytest

from apps.ml.deployment.client import BadAnswerError, ConnectionFailedError, Retries
from apps.ml.tests.code.deployment.client.both_clients import Ask, blocking, both
from apps.ml.tests.code.deployment.client.scripted_server import ROW, answer, prediction, predictions, scripted

SECRET = "Jane Roe"
SECOND = "0198f6a4-0000-7000-8000-000000000001"


def without(document: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != key}


BROKEN = [
    (b"", "is not JSON"),
    (b"<html>Jane Roe</html>", "is not JSON"),
    (b'{"model": "loans", "predictions": [', "is not JSON"),
    (b"\xff\xfe", "is not JSON"),
    (b"[" * 100_000, "is not JSON"),
    ([SECRET], "the answer is not an object"),
    (json.dumps(predictions(prediction(score=float("nan")))).encode(), "is not JSON"),
    (json.dumps(predictions(prediction(score=float("inf")))).encode(), "is not JSON"),
    (json.dumps(predictions()).replace("0.75", "1e999").encode(), r"predictions\[0\].score is not a finite number"),
    (predictions(prediction(score=10**400)), r"predictions\[0\].score is not a finite number"),
    (predictions(prediction(score=SECRET)), r"predictions\[0\].score is not a finite number"),
    (predictions(prediction(score=True)), r"predictions\[0\].score is not a finite number"),
    (predictions(prediction(score=None)), r"predictions\[0\].score is not a finite number"),
    (predictions(prediction(decision=2)), r"predictions\[0\].decision is not one of 0, 1"),
    (predictions(prediction(decision=True)), r"predictions\[0\].decision is not one of 0, 1"),
    (predictions(prediction(decision=[1])), r"predictions\[0\].decision is not one of 0, 1"),
    (predictions(prediction(decision=None)), "a threshold without its decision"),
    (predictions(prediction(threshold=None)), "a decision stands without its threshold"),
    (predictions(prediction(id=7)), r"predictions\[0\].id is not a text"),
    (predictions(without(prediction(), "id")), r"predictions\[0\] has no key 'id'"),
    (predictions(prediction(), prediction(id=SECOND)), "1 rows were asked about and 2 answered"),
    (predictions() | {"predictions": []}, "1 rows were asked about and 0 answered"),
    (predictions() | {"predictions": {}}, "predictions is not an array"),
    (predictions(model=None), "model is not a text"),
    (predictions(version=3), "version is not a text"),
    (without(predictions(), "evidence"), "the answer has no key 'evidence'"),
]


@pytest.mark.parametrize(("content", "why"), BROKEN)
def test_a_broken_answer_is_named_by_its_place(content: Any, why: str) -> None:
    with scripted(answer(content)) as server, pytest.raises(BadAnswerError, match=why) as caught:
        blocking(server.address, "predict", [ROW])
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@both
def test_two_rows_with_one_id_break_the_contract(ask: Ask) -> None:
    twice = predictions(prediction(), prediction())
    with scripted(answer(twice)) as server, pytest.raises(BadAnswerError, match="the same id"):
        ask(server.address, "predict", [ROW, ROW])


@both
@pytest.mark.parametrize("status", [201, 302, 404, 502])
def test_a_status_of_somebody_else_breaks_the_contract(ask: Ask, status: int) -> None:
    with scripted(answer(b"<html>", status, Location="/")) as server, pytest.raises(BadAnswerError, match=str(status)):
        ask(server.address, "predict", [ROW])


@both
def test_an_answer_that_cannot_be_unpacked_is_no_answer(ask: Ask) -> None:
    packed = answer(b"not gzip", Content_Encoding="gzip")
    with scripted(packed) as server, pytest.raises(ConnectionFailedError, match="cannot be decoded"):
        ask(server.address, "predict", [ROW], client={"retries": Retries(1)})


def test_keys_of_later_versions_are_left_alone() -> None:
    later = predictions(prediction(reason="new"), arm="champion")
    with scripted(answer(later)) as server:
        assert blocking(server.address, "predict", [ROW]).scores == (0.75,)


def test_a_model_of_numbers_decides_nothing() -> None:
    number = predictions(prediction(score=1250, decision=None, threshold=None))
    with scripted(answer(number)) as server:
        (only,) = blocking(server.address, "predict", [ROW]).predictions
    assert (only.score, only.decision, only.threshold) == (1250.0, None, None)
    assert isinstance(only.score, float)
