"""Asking for a decision: what is answered is what is stored, once, with everything that it rests on."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from apps.backend.decisions import granted as granted_module
from apps.backend.decisions.granted import Granted
from apps.backend.decisions.tables import decisions
from apps.backend.identifiers import is_id
from apps.backend.identity.authenticator import REMEMBERED_SECONDS
from apps.backend.identity.tables import model_grants
from apps.backend.problems import ProblemError
from apps.backend.tests.decisions.conftest import Office
from apps.backend.tests.decisions.model_server import (
    APPLICATION,
    COLUMNS,
    EXPLAIN,
    MODELS,
    POOR,
    REASON,
    answer,
    described,
)
from apps.backend.tests.product import StandingClock


def test_the_answer_says_who_asked_what_was_decided_and_why(office: Office) -> None:
    answered = office.ask(POOR, {"X-Request-ID": "case-7"}, subject="Person 7", counterfactual=True)
    made = answered.json()
    assert answered.status_code == 201
    assert answered.headers["location"] == f"/api/v1/decisions/{made['id']}"
    assert is_id(made["id"])
    assert (made["asked_by_name"], made["request_id"], made["subject"]) == ("analyst", "case-7", "Person 7")
    assert made["asked_by"].startswith("key:")
    assert (made["model"], made["version"], made["evidence"]) == ("loans", "3", "5f2c")
    assert (made["score"], made["decision"], made["threshold"]) == (0.25, 0, 0.5)
    assert (made["outcome"], made["outcome_words"]) == ("unfavourable", "not repaid")
    assert made["reasons"] == [REASON]
    assert made["contributions"][0] == {"column": "income", "contribution": -0.25}
    assert made["counterfactual"]["changes"][0]["value"] == 2000.0
    assert made["standing"]["by"] == "model"
    assert made["state"] == "made"
    assert made["application"] == POOR


def test_what_was_answered_is_what_is_kept(office: Office) -> None:
    made = office.decided(POOR, counterfactual=True)
    assert office.viewer.get(f"/api/v1/decisions/{made['id']}").json() == made
    (row,) = office.rows(decisions.select().where(decisions.c.id == made["id"]))
    assert row.application == POOR
    assert row.prediction_id == made["prediction_id"]
    assert row.organisation_id == office.organisation.id


@pytest.mark.parametrize(("favourable", "outcome"), [("positive", "favourable"), ("negative", "unfavourable")])
def test_what_is_good_for_the_person_is_what_the_version_says(office: Office, favourable: str, outcome: str) -> None:
    office.models.models = [described(version=favourable, favourable=favourable, positive_name="is 1")]
    office.models.version = favourable
    made = office.decided(APPLICATION)
    assert (made["decision"], made["outcome"], made["outcome_words"]) == (1, outcome, "is 1")


def test_a_number_is_predicted_and_nothing_decided(office: Office) -> None:
    office.models.models = [described(version="of numbers", task="regression", threshold=None)]
    office.models.version = "of numbers"
    office.models.prediction = {"decision": None, "threshold": None, "score": 1234.5}
    made = office.decided()
    assert (made["score"], made["decision"], made["threshold"], made["outcome"]) == (1234.5, None, None, None)
    assert made["undefined"]["outcome"] == "The model predicts a number and decides nothing."
    assert made["standing"]["decision"] is None


def test_undefined_parts_say_why(office: Office) -> None:
    office.models.explanation = {"reasons": None, "undefined": {"reasons": "there are no reference rows"}}
    made = office.decided(POOR)
    assert made["reasons"] is None
    assert made["undefined"] == {"reasons": "there are no reference rows"}


def test_the_model_server_is_told_the_request_and_never_the_name_of_the_person(office: Office) -> None:
    office.ask(headers={"X-Request-ID": "case-8"}, subject="Jane Doe")
    _, headers, body = next(asked for asked in office.models.asked if asked[0] == EXPLAIN)
    assert headers["x-request-id"] == "case-8"
    assert body["subject"] == hashlib.sha256(f"{office.organisation.id}\nJane Doe".encode()).hexdigest()
    assert body["instances"] == [APPLICATION]
    assert "counterfactual" not in body


def test_what_a_version_means_is_asked_for_once(office: Office) -> None:
    office.models.models = [described(version="asked once")]
    office.models.version = "asked once"
    for _ in range(3):
        office.decided()
    assert len([path for path, _, _ in office.models.asked if path == MODELS]) == 1


def test_a_version_that_left_before_it_was_described_decides_nothing(office: Office) -> None:
    office.models.version = "that left"
    answered = office.ask()
    assert (answered.status_code, answered.json()["code"]) == (503, "model_server_refusing")
    assert answered.headers["retry-after"] == "1"
    assert office.listed() == []


def test_a_model_that_is_not_granted_is_not_there(office: Office) -> None:
    answered = office.ask(model="other")
    assert (answered.status_code, answered.json()["code"]) == (404, "not_found")
    assert office.models.asked == []


def test_a_grant_that_is_taken_back_is_gone_after_seconds(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    organisation, database = office.organisation.id, office.product.parts.database
    granted, clock = Granted(database), StandingClock()
    monkeypatch.setattr(granted_module, "time", clock)

    async def take_back() -> None:
        async with database.writing() as connection:
            await connection.execute(model_grants.delete().where(model_grants.c.organisation_id == organisation))

    office.product.run(granted.require(organisation, "loans"))
    office.product.run(take_back())
    office.product.run(granted.require(organisation, "loans"))
    clock.seconds += REMEMBERED_SECONDS
    for _ in range(2):
        with pytest.raises(ProblemError, match="no such model"):
            office.product.run(granted.require(organisation, "loans"))


def test_a_viewer_does_not_ask(office: Office) -> None:
    answered = office.viewer.post("/api/v1/decisions", json={"model": "loans", "application": APPLICATION})
    assert (answered.status_code, answered.json()["code"]) == (403, "role_missing")


def test_misfits_of_the_model_are_told_by_column_and_without_values(office: Office) -> None:
    answered = office.ask({"age": "verysecret", "income": 1, "colour": "verysecret"})
    found = answered.json()
    assert (answered.status_code, found["code"]) == (422, "misfit")
    locations = {error["location"] for error in found["errors"]}
    assert locations == {"body.application.age", "body.application.purpose", "body.application.colour"}
    assert found["errors"][0]["expected"] == "a number or null"
    assert "verysecret" not in answered.text
    assert office.listed() == []


@pytest.mark.parametrize("value", [[1], {"a": 1}, ["verysecret"], []], ids=str)
def test_what_is_no_plain_value_is_refused_before_anybody_is_asked(office: Office, value: object) -> None:
    answered = office.ask({"age": 1, "income": value})
    assert answered.status_code == 422
    assert [error["location"] for error in answered.json()["errors"]] == ["body.application.income"]
    assert "verysecret" not in answered.text
    assert office.models.asked == []


@pytest.mark.parametrize("text", ["NaN", "-Infinity", '"\\ud800"', "1e999"])
def test_what_json_has_no_word_for_is_refused_before_anybody_is_asked(office: Office, text: str) -> None:
    body = f'{{"model": "loans", "application": {{"income": {text}}}}}'.encode()
    answered = office.analyst.post("/api/v1/decisions", content=body, headers={"Content-Type": "application/json"})
    assert answered.status_code == 422
    assert office.models.asked == []


def test_applications_are_bounded(office: Office) -> None:
    office.models.takes_anything = True
    assert office.ask({f"c{number}": 1 for number in range(500)}).status_code == 201
    many = office.ask({f"c{number}": 1 for number in range(501)})
    assert (many.status_code, many.json()["errors"][0]["location"]) == (422, "body.application")
    assert office.ask({"a": "x" * ((64 << 10) - 8)}).status_code == 201
    long = office.ask({"a": "x" * ((64 << 10) - 7)})
    assert (long.status_code, long.json()["code"]) == (413, "application_too_large")


@pytest.mark.parametrize("subject", ["", "x" * 201, 7])
def test_a_subject_is_a_short_text(office: Office, subject: object) -> None:
    answered = office.ask(subject=subject)
    assert (answered.status_code, answered.json()["errors"][0]["location"]) == (422, "body.subject")


def test_the_audit_log_knows_of_the_decision_and_nothing_of_the_person(office: Office) -> None:
    made = office.decided(POOR, subject="Jane Doe")
    (entry,) = office.logged("decision.made")
    assert entry.target == f"decision:{made['id']}"
    assert entry.actor == made["asked_by"]
    assert entry.about == {name: made[name] for name in ("model", "version", "evidence", "prediction_id")}


def test_another_organisation_sees_nothing_of_it(office: Office) -> None:
    made = office.decided()
    other = office.product.organisation(f"other than {office.organisation.name}").client("admin")
    for path in ("", "/explanation", "/appeals", "/overrules", "/outcomes"):
        answered = other.get(f"/api/v1/decisions/{made['id']}{path}")
        assert (answered.status_code, answered.json()["code"]) == (404, "not_found")
        assert "decision" in answered.json()["detail"]
    assert other.get("/api/v1/decisions").json()["items"] == []
    for path, body in (("appeals", {"grounds": "x"}), ("overrules", {"decision": 1, "reason": "x"})):
        assert other.post(f"/api/v1/decisions/{made['id']}/{path}", json=body).status_code == 404
    assert other.post(f"/api/v1/decisions/{made['id']}/outcomes", json={"label": 1}).status_code == 404


@pytest.mark.parametrize("name", ["x", "0198f6a4", "0" * 36, "a" * 400])
def test_what_is_no_name_is_not_there(office: Office, name: str) -> None:
    assert office.viewer.get(f"/api/v1/decisions/{name}").status_code == 404
    headers = {"Idempotency-Key": "one"}
    filed = office.analyst.post(f"/api/v1/decisions/{name}/appeals", json={"grounds": "x"}, headers=headers)
    assert filed.status_code == 404


def test_one_key_is_one_decision(office: Office) -> None:
    first = office.ask(headers={"Idempotency-Key": "one"})
    again = office.ask(headers={"Idempotency-Key": "one"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert len(office.listed()) == 1
    other = office.ask(POOR, {"Idempotency-Key": "one"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_fifty_at_once_under_one_key_are_one_decision(office: Office) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: office.ask(headers={"Idempotency-Key": "fifty"}), range(50)))
    statuses = {answered.status_code for answered in answers}
    assert 201 in statuses
    assert statuses <= {201, 409}
    assert len({answered.json()["id"] for answered in answers if answered.status_code == 201}) == 1
    assert len(office.listed()) == 1
    assert len(office.logged("decision.made")) == 1


def test_fifty_at_once_are_fifty_decisions(office: Office) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda number: office.ask(subject=f"case {number}"), range(50)))
    assert [answered.status_code for answered in answers] == [201] * 50
    kept = {made["id"]: made["subject"] for made in office.listed(limit=200)}
    assert kept == {answered.json()["id"]: f"case {number}" for number, answered in enumerate(answers)}
    assert len({answered.json()["prediction_id"] for answered in answers}) == 50


def test_an_answer_about_another_model_is_none(office: Office) -> None:
    office.models.steps[EXPLAIN] = [answer({"model": "other", "version": "3", "evidence": None, "predictions": []})]
    answered = office.ask()
    assert (answered.status_code, answered.json()["code"]) == (503, "model_server_broken")
    assert COLUMNS.keys() == APPLICATION.keys()
