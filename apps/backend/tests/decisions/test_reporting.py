"""What came of decisions: kept first, passed on in order, again and again until it is taken or can never be."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.backend.decisions import sending
from apps.backend.decisions.sending import pause_seconds, send_reports
from apps.backend.decisions.tables import reports
from apps.backend.tests.decisions import model_server as scripted
from apps.backend.tests.decisions.conftest import Office
from apps.backend.tests.decisions.model_server import EXPLAIN, OUTCOMES, described
from apps.backend.tests.product import StandingClock, until
from apps.backend.upstreams.breaker import CircuitBreaker


def report(office: Office, decision: dict[str, Any], label: object = 1, **more: Any) -> dict[str, Any]:
    answered = office.analyst.post(f"/api/v1/decisions/{decision['id']}/outcomes", json={"label": label, **more})
    assert answered.status_code == 201, answered.text
    return dict(answered.json())


def sent(office: Office, decision: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the model server took about a decision; it may take what an earlier test reported, too."""
    return [outcome for outcome in office.models.outcomes if outcome["id"] == decision["prediction_id"]]


def labels(office: Office, decision: dict[str, Any]) -> list[float]:
    return [outcome["label"] for outcome in sent(office, decision)]


def reported(office: Office, **query: str) -> list[dict[str, Any]]:
    return list(office.viewer.get("/api/v1/outcomes", params=query).json()["items"])


def states(office: Office) -> list[tuple[str, str | None]]:
    """State and code of every report, the first first."""
    return [(row.state, row.code) for row in office.rows(_own(office))]


def _own(office: Office) -> Any:
    return reports.select().where(reports.c.organisation_id == office.organisation.id).order_by(reports.c.id)


@pytest.fixture
def hurried(office: Office) -> Iterator[Office]:
    """An office whose reports are due again at once, when they are looked at."""
    yield office
    office.models.reset()
    hurry(office)
    until(lambda: all(state != "pending" for state, _ in states(office)))


def hurry(office: Office) -> None:
    """Let what waits be due, and send it."""

    async def work() -> None:
        async with office.product.parts.database.writing() as connection:
            await connection.execute(reports.update().values(next_try_at=0).where(reports.c.state == "pending"))
        await send_reports(office.product.parts)

    office.product.run(work())


def test_it_is_kept_first_and_sent_at_once(office: Office) -> None:
    made = office.decided()
    given = report(office, made, 1, observed_at="2026-01-31T12:00:00+01:00", source="ledger")
    assert (given["state"], given["label"], given["observed_at"]) == ("pending", 1, "2026-01-31T11:00:00.000000Z")
    until(lambda: states(office) == [("sent", None)])
    assert sent(office, made) == [
        {"id": made["prediction_id"], "label": 1.0, "observed_at": "2026-01-31T11:00:00+00:00", "source": "ledger"}
    ]
    now = office.viewer.get(f"/api/v1/decisions/{made['id']}").json()["reported"]
    assert (now["state"], now["tries"], now["reported_by_name"]) == ("sent", 1, "analyst")
    assert now["sent_at"] >= given["reported_at"]


def test_it_is_corrected_by_reporting_again(office: Office) -> None:
    made = office.decided()
    for label in (1, 0, 1):
        report(office, made, label)
    until(lambda: labels(office, made) == [1, 0, 1])
    listed = office.viewer.get(f"/api/v1/decisions/{made['id']}/outcomes").json()["items"]
    assert [entry["label"] for entry in listed] == [1, 0, 1]
    assert office.viewer.get(f"/api/v1/decisions/{made['id']}").json()["reported"]["label"] == 1


def test_it_waits_until_the_model_server_takes_it(hurried: Office) -> None:
    made = hurried.decided()
    hurried.models.always[OUTCOMES] = scripted.refusal(503, "log_full", Retry_After="60")
    report(hurried, made)
    until(lambda: states(hurried) == [("pending", "model_server_refusing")])
    (waiting,) = hurried.rows(_own(hurried))
    assert waiting.next_try_at > waiting.created_at
    hurried.models.reset()
    until(lambda: states(hurried) == [("sent", None)])
    assert len(sent(hurried, made)) == 1


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (scripted.hang_up, "model_server_away"),
        (scripted.answer(b"<html>"), "model_server_broken"),
        (scripted.refusal(401, "key_missing"), "key_missing"),
        (scripted.refusal(404, "no_log"), "no_log"),
        (scripted.refusal(500, "internal_error"), "internal_error"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_may_be_mended_is_tried_again(hurried: Office, step: scripted.Step, code: str) -> None:
    made = hurried.decided()
    hurried.models.always[OUTCOMES] = step
    report(hurried, made)
    until(lambda: states(hurried) == [("pending", code)])
    assert reported(hurried, state="pending")[0]["code"] == code


def test_a_refusal_that_nothing_mends_is_kept_with_its_code(office: Office) -> None:
    made = office.decided()
    office.models.steps[OUTCOMES] = [scripted.refusal(422, "misfit", scripted.finding(0, "id"))]
    report(office, made)
    until(lambda: states(office) == [("refused", "misfit")])
    (entry,) = reported(office, state="refused")
    assert (entry["decision_id"], entry["code"], entry["sent_at"]) == (made["id"], "misfit", None)
    report(office, made)
    until(lambda: states(office) == [("refused", "misfit"), ("sent", None)])


def many(office: Office, decisions: list[dict[str, Any]], **more: Any) -> Any:
    body = [{"decision_id": made["id"], "label": 1, **more} for made in decisions]
    return office.analyst.post("/api/v1/outcomes", json=body)


@pytest.mark.parametrize("named", [True, False])
def test_one_wrong_report_does_not_hold_up_the_others(hurried: Office, named: bool) -> None:
    decisions = [hurried.decided() for _ in range(5)]
    wrong = decisions[3]["prediction_id"]

    def refuse_one(handler: scripted.Handler, body: Any) -> None:
        places = [row for row, outcome in enumerate(body["outcomes"]) if outcome["id"] == wrong]
        if not places:
            scripted.take_outcomes(handler, body)
        else:
            scripted.refusal(422, "misfit", scripted.finding(places[0] if named else None, "id"))(handler, body)

    hurried.models.always[OUTCOMES] = refuse_one
    answered = many(hurried, decisions)
    assert [entry["decision_id"] for entry in answered.json()["outcomes"]] == [made["id"] for made in decisions]
    until(lambda: sorted(states(hurried)) == [("refused", "misfit"), *[("sent", None)] * 4])
    refused = reported(hurried, state="refused")
    assert [entry["decision_id"] for entry in refused] == [decisions[3]["id"]]


def test_many_are_one_report(office: Office) -> None:
    decisions = [office.decided() for _ in range(3)]
    answered = many(office, decisions, source="ledger")
    assert answered.status_code == 201
    until(lambda: all(sent(office, made) for made in decisions))
    named = {made["prediction_id"] for made in decisions}
    together = [{outcome["id"] for outcome in body["outcomes"]} & named for body in office.models.bodies(OUTCOMES)]
    assert [own for own in together if own] == [named]
    (entry,) = office.logged("outcomes.reported")
    assert entry.about == {"count": 3}


def test_many_are_taken_or_none(office: Office) -> None:
    made = office.decided()
    other = Office(office.product, office.models, office.product.organisation(f"not {office.organisation.name}"))
    foreign = other.decided()
    body = [
        {"decision_id": made["id"], "label": 1},
        {"decision_id": foreign["id"], "label": 1},
        {"decision_id": made["id"], "label": 1},
        {"decision_id": "x", "label": 1},
    ]
    answered = office.analyst.post("/api/v1/outcomes", json=body)
    assert answered.status_code == 422
    found = {error["location"]: error["problem"] for error in answered.json()["errors"]}
    assert found == {
        "body.1.decision_id": "there is no such decision in your organisation",
        "body.2.decision_id": "this decision is reported twice",
        "body.3.decision_id": "there is no such decision in your organisation",
    }
    assert states(office) == []


def test_many_are_a_thousand_at_most(office: Office) -> None:
    entry = {"decision_id": "0198f6a4-0000-7000-8000-000000000000", "label": 1}
    for body in ([], [entry] * 1001):
        assert office.analyst.post("/api/v1/outcomes", json=body).json()["errors"][0]["location"] == "body"
    assert office.analyst.post("/api/v1/outcomes", json=[entry] * 1000).json()["errors"][0]["location"] != "body"


@pytest.mark.parametrize("label", [2, 0.5, -1])
def test_a_decision_s_label_is_0_or_1(office: Office, label: float) -> None:
    made = office.decided()
    answered = office.analyst.post(f"/api/v1/decisions/{made['id']}/outcomes", json={"label": label})
    assert answered.status_code == 422
    assert answered.json()["errors"] == [
        {"location": "body.label", "problem": "the label is none of a decision", "expected": "0 or 1"}
    ]


def test_a_predicted_number_s_label_is_a_number(office: Office) -> None:
    office.models.models = [described(version="of numbers", task="regression", threshold=None)]
    office.models.version = "of numbers"
    office.models.prediction = {"decision": None, "threshold": None, "score": 1234.5}
    assert report(office, office.decided(), 1300.25)["label"] == 1300.25


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "label"),
        ({"label": "1"}, "label"),
        ({"label": True}, "label"),
        ({"label": 1, "observed_at": "2026-01-31T12:00:00"}, "observed_at"),
        ({"label": 1, "observed_at": "0001-01-01T00:00:00+14:00"}, "observed_at"),
        ({"label": 1, "observed_at": "2999-01-01T00:00:00Z"}, "observed_at"),
        ({"label": 1, "source": ""}, "source"),
        ({"label": 1, "source": "x" * 201}, "source"),
        ({"label": 1, "more": 1}, "…"),
    ],
    ids=range(9),
)
def test_a_report_that_does_not_fit_is_told_where(office: Office, body: dict[str, Any], where: str) -> None:
    answered = office.analyst.post(f"/api/v1/decisions/{office.decided()['id']}/outcomes", json=body)
    assert (answered.status_code, answered.json()["errors"][0]["location"]) == (422, f"body.{where}")


def test_a_viewer_reports_nothing(office: Office) -> None:
    made = office.decided()
    assert office.viewer.post(f"/api/v1/decisions/{made['id']}/outcomes", json={"label": 1}).status_code == 403
    assert office.viewer.post("/api/v1/outcomes", json=[{"decision_id": made["id"], "label": 1}]).status_code == 403


def test_one_key_is_one_report(office: Office) -> None:
    made = office.decided()
    for _ in range(2):
        path = f"/api/v1/decisions/{made['id']}/outcomes"
        answered = office.analyst.post(path, json={"label": 1}, headers={"Idempotency-Key": "one"})
        assert answered.status_code == 201
    assert len(reported(office)) == 1
    for _ in range(2):
        body = [{"decision_id": made["id"], "label": 0}]
        assert office.analyst.post("/api/v1/outcomes", json=body, headers={"Idempotency-Key": "one"}).status_code == 201
    assert len(reported(office)) == 2


def test_a_later_report_waits_for_the_one_before(hurried: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "FIRST_PAUSE_SECONDS", sending.LONGEST_PAUSE_SECONDS)
    made = hurried.decided()
    hurried.models.always[OUTCOMES] = scripted.refusal(503, "busy", Retry_After="60")
    report(hurried, made, 0)
    until(lambda: states(hurried) == [("pending", "model_server_refusing")])
    hurried.models.always.clear()
    report(hurried, made, 1)
    hurried.product.run(send_reports(hurried.product.parts))
    assert sent(hurried, made) == []
    hurry(hurried)
    until(lambda: labels(hurried, made) == [0, 1])


def test_nothing_is_sent_while_the_circuit_is_open(hurried: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    made, models, clock = hurried.decided(), hurried.product.parts.model_server, StandingClock()
    monkeypatch.setattr(models, "breaker", CircuitBreaker(failures=1, open_seconds=1.0, clock=clock))
    hurried.models.steps[EXPLAIN] = [scripted.answer(b"<html>")]
    assert hurried.ask().status_code == 503
    report(hurried, made)
    hurried.product.run(send_reports(hurried.product.parts))
    assert (models.breaker.state, states(hurried)) == ("open", [("pending", None)])
    clock.seconds += 1.0
    until(lambda: states(hurried) == [("sent", None)])


def test_pauses_grow_to_five_minutes() -> None:
    assert [pause_seconds(tries) for tries in (1, 2, 3, 9, 10, 10**6)] == [1, 2, 4, 256, 300, 300]
