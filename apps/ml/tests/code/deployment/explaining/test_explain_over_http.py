"""`POST /v1/explain` over real HTTP: predictions with explanations, refusals in the one shape, answers written down."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from fastapi import FastAPI

from apps.ml.deployment.answering.desk import Desk
from apps.ml.deployment.explaining.explained import explained, explained_rows
from apps.ml.deployment.explaining.preparation import explainer_of
from apps.ml.deployment.explaining.row_explanation import Wanted
from apps.ml.deployment.native.explain_routes import INLINE_SECONDS, ExplainedAnswers, explain_routes
from apps.ml.deployment.native.explained_schemas import ExplanationAnswer
from apps.ml.deployment.native.prepared import PreparedVersions
from apps.ml.deployment.observation.meter import Meter
from apps.ml.deployment.requests.caller import Caller
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import install_refusals
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.models.golden_rows import records
from apps.ml.prediction_log.entries import AnswerEntry
from apps.ml.tests.code.deployment.explaining.conftest import PERMISSIVE, Explained, any_machine_is_quick_enough
from apps.ml.tests.kept_entries import KeptEntries
from apps.ml.tests.protected_server import serving


@dataclass(frozen=True)
class Served:
    client: httpx.Client
    shelf: Shelf
    log: KeptEntries
    meter: Meter


@pytest.fixture(scope="module")
def served(loans: Explained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real server of the route alone, over the small loans."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FAIRMIND_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        shelf, log = Shelf([FolderSource(loans.paths.bundle, PERMISSIVE)]), KeptEntries()
        shelf.refresh()
        with any_machine_is_quick_enough():
            explainer_of(*shelf.served())
        api = FastAPI()
        meter = Meter()
        api.include_router(
            explain_routes(ExplainedAnswers(Desk(shelf, log, meter), Limits(), PreparedVersions()), Limits())
        )
        install_refusals(api)
        with serving(api) as client:
            yield Served(client, shelf, log, meter)


@pytest.fixture(scope="module")
def instances(loans: Explained) -> list[dict[str, Any]]:
    """Test rows as a request would hold them."""
    return records(loans.frame.iloc[:40], loans.model.bundle.info.columns)


def ask(served: Served, instances: Any, **more: Any) -> httpx.Response:
    return served.client.post("/v1/explain", json={"instances": instances, **more})


def test_an_answer_has_the_shape_that_is_documented_and_the_scores_of_the_model(
    served: Served, loans: Explained, instances: list[dict[str, Any]]
) -> None:
    response = ask(served, instances[:15], counterfactual=True)
    assert response.status_code == 200
    answer = ExplanationAnswer.model_validate_json(response.content)
    assert [one.score for one in answer.predictions] == pytest.approx(loans.answers.scores[:15], abs=1e-12)
    for one in answer.predictions:
        listed = one.explanation.contributions
        assert listed is not None
        assert one.explanation.base is not None
        total = one.explanation.base + sum(column.contribution for column in listed)
        assert total == pytest.approx(np.log(one.score / (1 - one.score)), abs=1e-6)
        assert (one.explanation.reasons is None) == (one.decision == 1)
    assert any(one.explanation.counterfactual for one in answer.predictions)


def test_the_plain_and_the_thorough_way_give_the_same_explanations(
    served: Served, instances: list[dict[str, Any]]
) -> None:
    plain, thorough = (
        ask(served, instances).json(),
        ask(served, instances, counterfactual=False, model="small_loans").json(),
    )
    for one, other in zip(plain["predictions"], thorough["predictions"], strict=True):
        assert one["explanation"] == other["explanation"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-12)


def test_text_with_escapes_and_numbers_beyond_64_bits_are_explained_or_refused_like_others(
    served: Served, instances: list[dict[str, Any]]
) -> None:
    known, escaped = ask(served, [{**instances[0], "city": "Z\u00fcg"}, {**instances[0], "city": 'a "b"'}]).json()[
        "predictions"
    ]
    assert escaped["explanation"] == known["explanation"]
    huge = ask(served, [{**instances[0], "noise": 10**30}], counterfactual=True)
    assert huge.status_code == 200
    assert ask(served, [{**instances[0], "city": 10**30}], counterfactual=True).status_code == 422


def test_parts_that_are_not_wanted_are_null(served: Served, instances: list[dict[str, Any]], loans: Explained) -> None:
    row = instances[next(row for row in loans.bad.tolist() if row < len(instances))]
    (only_reasons,) = ask(served, [row], contributions=False).json()["predictions"]
    assert only_reasons["explanation"]["contributions"] is None
    assert only_reasons["explanation"]["reasons"]
    assert only_reasons["explanation"]["undefined"] == {}
    (only_contributions,) = ask(served, [row], reasons=False).json()["predictions"]
    assert only_contributions["explanation"]["reasons"] is None
    assert only_contributions["explanation"]["contributions"]


def test_every_answer_is_written_down_as_an_explanation(served: Served, instances: list[dict[str, Any]]) -> None:
    before = len(served.log.entries)
    ask(served, instances[:3])
    ask(served, instances[:2], counterfactual=True, subject="case 7")
    plain, thorough = served.log.entries[before:]
    assert isinstance(plain, AnswerEntry)
    assert isinstance(thorough, AnswerEntry)
    assert (plain.route, plain.form, len(plain.scores)) == ("explain", "instances", 24)
    assert msgspec.json.decode(plain.inputs)["instances"] == instances[:3]
    assert (thorough.route, thorough.form, len(thorough.scores)) == ("explain", "rows", 16)
    assert thorough.subject is not None
    assert b"case 7" not in thorough.inputs


def test_what_explaining_takes_is_counted_as_a_stage(served: Served, instances: list[dict[str, Any]]) -> None:
    ask(served, instances[:1])
    assert served.meter.counts().stages["explain", "small_loans", ""].seconds > 0


def test_more_rows_than_can_be_explained_are_refused_before_anything_is_written_down(
    served: Served, instances: list[dict[str, Any]]
) -> None:
    (model,) = served.shelf.served()
    most = explainer_of(model)
    before = len(served.log.entries)
    many = ask(served, [instances[0]] * (most.most_rows + 1))
    assert (many.status_code, many.json()["error"]["code"]) == (413, "too_many_instances")
    assert f"at most {most.most_rows} of this version" in many.json()["error"]["message"]
    ways = ask(served, [instances[0]] * (most.most_ways + 1), counterfactual=True)
    assert (ways.status_code, ways.json()["error"]["code"]) == (422, "too_many_counterfactuals")
    assert len(served.log.entries) == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b" ", 400, "empty_body"),
        (b"[]", 422, "misfit"),
        (b'{"instances": []}', 422, "misfit"),
        (b'{"instances": [{}], "counterfactuals": true}', 422, "misfit"),
        (b'{"instances": [{}], "counterfactual": 1}', 422, "misfit"),
        (b'{"instances": [{"income": "high"}]}', 422, "misfit"),
        (b'{"instances": [{}], "version": 9}', 404, "not_served"),
    ],
)
def test_other_bodies_are_refused_in_the_one_shape(served: Served, body: bytes, status: int, code: str) -> None:
    response = served.client.post("/v1/explain", content=body, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert "high" not in response.text


def test_a_row_that_does_not_fit_is_named(served: Served, instances: list[dict[str, Any]]) -> None:
    findings = ask(served, [instances[0], {**instances[1], "age": "old"}]).json()["error"]["findings"]
    assert [(one["row"], one["column"]) for one in findings] == [(1, "age")]


def test_another_content_type_is_refused(served: Served) -> None:
    assert served.client.post("/v1/explain", content=b"a,b", headers={"content-type": "text/csv"}).status_code == 415


def test_eight_callers_at_once_get_their_own_explanations(served: Served, instances: list[dict[str, Any]]) -> None:
    alone = [one["explanation"] for one in ask(served, instances[:24]).json()["predictions"]]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda row: ask(served, [row]).json()["predictions"][0], instances[:24]))
    assert [answer["explanation"] for answer in answers] == alone
    assert len({answer["id"] for answer in answers}) == 24


def test_other_routes_get_the_same_explanations(
    served: Served, loans: Explained, instances: list[dict[str, Any]]
) -> None:
    (model,) = served.shelf.served()
    expected = [one["explanation"] for one in ask(served, instances[:4]).json()["predictions"]]
    frame, answers = loans.chosen(range(4))
    assert explained(model, frame, answers) == expected
    values = [tuple(row.values()) for row in instances[:4]]
    assert explained_rows(model, values, answers, Wanted()) == expected


def test_the_document_describes_request_and_answer(served: Served) -> None:
    operation = served.client.get("/openapi.json").json()["paths"]["/v1/explain"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert {"instances", "contributions", "reasons", "counterfactual", "subject"} <= set(schema["properties"])
    assert schema["properties"]["instances"]["items"] == {"$ref": "#/components/schemas/Instance"}
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    assert answer.endswith("/ExplanationAnswer")


def test_the_event_loop_does_not_wait_for_what_is_still_being_prepared(
    loans: Explained, instances: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRMIND_STATE_DIR", str(tmp_path))
    shelf = Shelf([FolderSource(loans.paths.bundle, PERMISSIVE)])
    shelf.refresh()
    answers = ExplainedAnswers(Desk(shelf, KeptEntries(), Meter()), Limits(), PreparedVersions())
    body = msgspec.json.encode({"instances": instances[:1]})
    assert answers.at_once(body, Caller()) is None
    model = shelf.served()[0]
    prepared = explainer_of(model)
    assert (answers.at_once(body, Caller()) is not None) == (prepared.row_seconds <= INLINE_SECONDS)
