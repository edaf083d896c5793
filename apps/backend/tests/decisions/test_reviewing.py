"""Appeals and overrules: by whom, once, in order, and the model's own decision stays as it was made."""

from typing import Any

import httpx
import pytest

from apps.backend.tests.decisions.conftest import Office
from apps.backend.tests.decisions.model_server import POOR, described

GROUNDS = {"grounds": "My income was typed in wrongly."}
UPHELD = {"upheld": True, "words": "The income was wrong indeed"}


def path_of(decision: dict[str, Any], *parts: str) -> str:
    return "/".join(["/api/v1/decisions", decision["id"], *parts])


def overrule(client: httpx.Client, decision: dict[str, Any], value: object = 1, reason: str = "x") -> httpx.Response:
    return client.post(path_of(decision, "overrules"), json={"decision": value, "reason": reason})


def read(office: Office, decision: dict[str, Any]) -> dict[str, Any]:
    return dict(office.viewer.get(path_of(decision)).json())


def filed(office: Office, decision: dict[str, Any], client: httpx.Client | None = None) -> dict[str, Any]:
    answered = (client or office.analyst).post(path_of(decision, "appeals"), json=GROUNDS)
    assert answered.status_code == 201, answered.text
    assert answered.headers["location"] == path_of(decision, "appeals", answered.json()["id"])
    return dict(answered.json())


def test_an_appeal_is_filed_and_answered(office: Office) -> None:
    made = office.decided(POOR)
    appeal = filed(office, made)
    assert (appeal["grounds"], appeal["filed_by_name"], appeal["answer"]) == (GROUNDS["grounds"], "analyst", None)
    assert read(office, made)["state"] == "appealed"
    answered = office.approver.post(path_of(made, "appeals", appeal["id"], "answer"), json=UPHELD)
    assert answered.status_code == 201
    answer = answered.json()["answer"]
    assert (answer["upheld"], answer["words"], answer["answered_by_name"]) == (True, UPHELD["words"], "approver")
    now = read(office, made)
    assert (now["state"], now["appeals"], now["open_appeals"]) == ("made", 1, 0)
    assert office.viewer.get(path_of(made, "appeals")).json()["items"] == [answered.json()]
    assert office.viewer.get(path_of(made, "appeals", appeal["id"])).json() == answered.json()


def test_whoever_filed_an_appeal_does_not_answer_it(office: Office) -> None:
    made = office.decided()
    appeal = filed(office, made, office.approver)
    answered = office.approver.post(path_of(made, "appeals", appeal["id"], "answer"), json=UPHELD)
    assert (answered.status_code, answered.json()["code"]) == (403, "own_appeal")
    assert office.admin.post(path_of(made, "appeals", appeal["id"], "answer"), json=UPHELD).status_code == 201


def test_an_appeal_is_answered_once(office: Office) -> None:
    made = office.decided()
    appeal = filed(office, made)
    path = path_of(made, "appeals", appeal["id"], "answer")
    assert office.approver.post(path, json=UPHELD).status_code == 201
    again = office.admin.post(path, json={"upheld": False, "words": "no"})
    assert (again.status_code, again.json()["code"]) == (409, "appeal_answered")
    assert office.viewer.get(path_of(made, "appeals")).json()["items"][0]["answer"]["upheld"] is True


def test_an_appeal_is_of_its_decision(office: Office) -> None:
    one, other = office.decided(), office.decided()
    appeal = filed(office, one)
    answered = office.approver.post(path_of(other, "appeals", appeal["id"], "answer"), json=UPHELD)
    assert (answered.status_code, answered.json()["code"]) == (404, "not_found")


def test_a_person_overrules_and_the_model_s_decision_is_kept(office: Office) -> None:
    made = office.decided(POOR)
    answered = overrule(office.approver, made, 1, "income was 2900")
    assert answered.status_code == 201
    given = answered.json()
    assert (given["decision"], given["outcome"], given["outcome_words"]) == (1, "favourable", "repaid")
    now = read(office, made)
    assert {**now, "standing": made["standing"], "state": "made", "overrules": 0} == made
    assert now["standing"] == {
        "by": "person", "actor": given["overruled_by"], "name": "approver", "at": given["overruled_at"],
        "decision": 1, "outcome": "favourable", "outcome_words": "repaid", "reason": "income was 2900",
    }  # fmt: skip
    assert (now["state"], now["overrules"]) == ("overruled", 1)


def test_the_last_of_several_overrules_stands(office: Office) -> None:
    made = office.decided(POOR)
    for number, client in enumerate((office.approver, office.admin, office.approver)):
        assert overrule(client, made, number % 2, f"reason {number}").status_code == 201
    now = read(office, made)
    assert (now["standing"]["reason"], now["standing"]["decision"], now["overrules"]) == ("reason 2", 0, 3)
    listed = office.viewer.get(path_of(made, "overrules")).json()["items"]
    assert [entry["reason"] for entry in listed] == ["reason 2", "reason 1", "reason 0"]
    assert office.listed()[0]["standing"] == now["standing"]


def test_whoever_asked_for_a_decision_does_not_overrule_it(office: Office) -> None:
    body = {"model": "loans", "application": POOR}
    made = office.approver.post("/api/v1/decisions", json=body).json()
    answered = overrule(office.approver, made)
    assert (answered.status_code, answered.json()["code"]) == (403, "own_decision")
    assert overrule(office.admin, made).status_code == 201


def test_where_nothing_is_decided_there_is_nothing_to_overrule(office: Office) -> None:
    office.models.models = [described(version="numbers", task="regression", threshold=None)]
    office.models.version, office.models.prediction = "numbers", {"decision": None, "threshold": None}
    answered = overrule(office.approver, office.decided())
    assert (answered.status_code, answered.json()["code"]) == (409, "nothing_decided")


def test_roles_are_kept_to(office: Office) -> None:
    made = office.decided()
    appeal = filed(office, made)
    assert office.viewer.post(path_of(made, "appeals"), json=GROUNDS).status_code == 403
    assert office.analyst.post(path_of(made, "appeals", appeal["id"], "answer"), json=UPHELD).status_code == 403
    assert overrule(office.analyst, made).status_code == 403
    assert office.viewer.get(path_of(made, "overrules")).status_code == 200


@pytest.mark.parametrize("body", [{}, {"grounds": ""}, {"grounds": "  "}, {"grounds": "x" * 4001}, {"grounds": 1}])
def test_grounds_are_words(office: Office, body: dict[str, object]) -> None:
    answered = office.analyst.post(path_of(office.decided(), "appeals"), json=body)
    assert (answered.status_code, answered.json()["errors"][0]["location"]) == (422, "body.grounds")


@pytest.mark.parametrize("value", [2, -1, None, True, "1", 0.5])
def test_a_decision_is_0_or_1(office: Office, value: object) -> None:
    answered = overrule(office.approver, office.decided(), value)
    assert (answered.status_code, answered.json()["errors"][0]["location"]) == (422, "body.decision")


def test_a_decision_has_a_hundred_appeals_at_most(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.backend.decisions.reviewing.MOST_APPEALS", 2)
    made = office.decided()
    filed(office, made)
    filed(office, made)
    answered = office.analyst.post(path_of(made, "appeals"), json=GROUNDS)
    assert (answered.status_code, answered.json()["code"]) == (409, "too_many_appeals")


def test_one_key_is_one_overrule_and_one_appeal(office: Office) -> None:
    made = office.decided(POOR)
    headers = {"Idempotency-Key": "once"}
    bodies = {"appeals": (office.analyst, GROUNDS), "overrules": (office.approver, {"decision": 1, "reason": "x"})}
    for what, (client, body) in bodies.items():
        first, again = (client.post(path_of(made, what), json=body, headers=headers) for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json() == again.json()
    now = read(office, made)
    assert (now["appeals"], now["overrules"]) == (1, 1)


def test_the_audit_log_knows_who_did_what_and_no_words(office: Office) -> None:
    made = office.decided(POOR)
    appeal = filed(office, made)
    office.approver.post(path_of(made, "appeals", appeal["id"], "answer"), json=UPHELD).raise_for_status()
    given = overrule(office.approver, made).json()
    entries = office.logged("appeal.filed", "appeal.answered", "decision.overruled")
    assert [entry.action for entry in entries] == ["appeal.filed", "appeal.answered", "decision.overruled"]
    assert {entry.target for entry in entries} == {f"decision:{made['id']}"}
    assert [entry.actor for entry in entries] == [appeal["filed_by"], given["overruled_by"], given["overruled_by"]]
    assert [entry.about for entry in entries] == [
        {"appeal": appeal["id"]}, {"appeal": appeal["id"], "upheld": True}, {"overrule": given["id"]}
    ]  # fmt: skip
