"""Answers over real HTTP: the bundle's own scores, in order, each to its own caller."""

import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import pandas as pd
import pytest

from apps.ml.deployment.native.schemas import PredictionAnswer
from apps.ml.features.request_frame import frame_from_records
from apps.ml.models.bundle import ModelBundle
from apps.ml.models.golden_rows import typed_frame

CONCURRENT_CALLERS = 8


def predict(client: httpx.Client, instances: Any, **more: Any) -> httpx.Response:
    return client.post("/v1/predict", json={"instances": instances, **more})


def expected_scores(bundle: ModelBundle, rows: list[dict[str, Any]]) -> list[float]:
    """Score by a second way: not through the request frame that the server uses."""
    frame: pd.DataFrame = typed_frame(rows, bundle.info.columns)
    scores: list[float] = bundle.score(frame).tolist()
    return scores


def test_many_rows_get_the_bundles_own_scores_bit_for_bit_and_in_order(
    client: httpx.Client, bundle: ModelBundle, rows: list[dict[str, Any]]
) -> None:
    answer = predict(client, rows).json()
    assert [entry["score"] for entry in answer["predictions"]] == expected_scores(bundle, rows)


def test_one_row_gets_the_same_score_as_among_many(
    client: httpx.Client, bundle: ModelBundle, rows: list[dict[str, Any]]
) -> None:
    alone = [predict(client, [row]).json()["predictions"][0]["score"] for row in rows[:10]]
    assert alone == expected_scores(bundle, rows)[:10]


def test_reversed_rows_get_reversed_scores(client: httpx.Client, rows: list[dict[str, Any]]) -> None:
    forward = [entry["score"] for entry in predict(client, rows).json()["predictions"]]
    backward = [entry["score"] for entry in predict(client, rows[::-1]).json()["predictions"]]
    assert backward == forward[::-1]


def test_a_decision_is_one_exactly_where_the_score_reaches_the_threshold(
    client: httpx.Client, bundle: ModelBundle, rows: list[dict[str, Any]]
) -> None:
    predictions = predict(client, rows).json()["predictions"]
    assert {entry["threshold"] for entry in predictions} == {bundle.info.threshold}
    assert all(entry["decision"] == int(entry["score"] >= entry["threshold"]) for entry in predictions)
    assert {entry["decision"] for entry in predictions} == {0, 1}


def test_the_order_of_keys_in_a_row_does_not_matter(client: httpx.Client, rows: list[dict[str, Any]]) -> None:
    turned = [dict(reversed(row.items())) for row in rows]
    scores = [[entry["score"] for entry in predict(client, some).json()["predictions"]] for some in (rows, turned)]
    assert scores[0] == scores[1]


def test_the_answer_has_the_documented_shape(client: httpx.Client, rows: list[dict[str, Any]]) -> None:
    answer = PredictionAnswer.model_validate(predict(client, rows).json())
    assert (answer.model, answer.version, answer.evidence) == ("toy_loans", None, None)


def test_every_prediction_has_an_identifier_of_its_own(client: httpx.Client, rows: list[dict[str, Any]]) -> None:
    identifiers = [entry["id"] for _ in range(2) for entry in predict(client, rows).json()["predictions"]]
    assert len(set(identifiers)) == 2 * len(rows)
    assert {UUID(identifier).version for identifier in identifiers} == {7}


def test_concurrent_callers_get_their_own_answers(
    client: httpx.Client, bundle: ModelBundle, rows: list[dict[str, Any]]
) -> None:
    expected = expected_scores(bundle, rows)

    def ask(number: int) -> bool:
        position = number % len(rows)
        part = rows[position : position + 3]
        answered = [entry["score"] for entry in predict(client, part).json()["predictions"]]
        return answered == expected[position : position + 3]

    with ThreadPoolExecutor(CONCURRENT_CALLERS) as callers:
        assert all(callers.map(ask, range(200)))


def test_a_category_that_training_never_saw_is_answered(client: httpx.Client, rows: list[dict[str, Any]]) -> None:
    assert predict(client, [{**rows[0], "purpose": "a boat"}]).status_code == 200


def test_a_whole_number_may_be_written_with_a_point(client: httpx.Client, rows: list[dict[str, Any]]) -> None:
    with_point = {**rows[0], "age": float(rows[0]["age"])}
    first, second = predict(client, [rows[0], with_point]).json()["predictions"]
    assert first["score"] == second["score"]


@pytest.mark.parametrize("check", [{"model": "toy_loans"}, {"version": None}, {"alias": None}])
def test_a_request_may_name_the_served_model(
    client: httpx.Client, rows: list[dict[str, Any]], check: dict[str, Any]
) -> None:
    assert predict(client, rows[:1], **check).status_code == 200


@pytest.mark.parametrize("check", [{"model": "another"}, {"version": 2}, {"version": "2"}, {"alias": "champion"}])
def test_a_request_that_names_another_model_is_refused(
    client: httpx.Client, rows: list[dict[str, Any]], check: dict[str, Any]
) -> None:
    answer = predict(client, rows[:1], **check)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_served")
    assert "not served here. See /v1/models" in answer.json()["error"]["message"]


def test_building_a_frame_leaves_the_records_unaltered(bundle: ModelBundle, rows: list[dict[str, Any]]) -> None:
    before = copy.deepcopy(rows)
    frame_from_records(rows, bundle.info.columns)
    assert rows == before


def test_a_prediction_comes_with_its_explanation_where_it_is_asked_for(
    client: httpx.Client, rows: list[dict[str, Any]]
) -> None:
    explained = predict(client, rows[:5], explain=True).json()["predictions"]
    alone = client.post("/v1/explain", json={"instances": rows[:5]}).json()["predictions"]
    plain = predict(client, rows[:5]).json()["predictions"]

    assert [one["explanation"] for one in explained] == [one["explanation"] for one in alone]
    assert [one["score"] for one in explained] == [one["score"] for one in plain]
    assert all("explanation" not in one for one in plain)


def test_a_query_beside_json_is_refused_and_not_passed_over(client: httpx.Client, rows: list[dict[str, Any]]) -> None:
    answer = client.post("/v1/predict?version=9", json={"instances": rows[:1]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "query")
