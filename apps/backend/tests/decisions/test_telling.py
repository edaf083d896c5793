"""The words for the person: what is stored, in fixed sentences, and nothing else."""

from typing import Any

import pytest

from apps.backend.decisions.answers import Appeal, Decision, Reason
from apps.backend.decisions.telling import NO_REASONS, WITHHELD, told
from apps.backend.tests.decisions.conftest import Office
from apps.backend.tests.decisions.model_server import POOR, REASON, described

pytestmark = pytest.mark.parametrize("product", ["sqlite"], indirect=True)


@pytest.fixture
def made(office: Office) -> Decision:
    return Decision.model_validate(office.decided(POOR, counterfactual=True))


def text(decision: Decision, *filed: Appeal, **changes: Any) -> str:
    return told(decision.model_copy(update=changes), filed).text


def test_a_refused_person_reads_what_why_and_what_can_be_done(office: Office) -> None:
    made = office.decided(POOR, counterfactual=True)
    path = f"/api/v1/decisions/{made['id']}/explanation"
    answered = office.viewer.get(path, headers={"Accept": "text/plain"})
    assert answered.headers["content-type"] == "text/plain; charset=utf-8"
    assert answered.text == (
        f"Decision {made['id']} of {made['created_at'][:10]}\n"
        "The application was assessed by a computer program: the model “loans”, version 3.\n"
        "Its decision is unfavourable: “not repaid”.\n\n"
        "What weighed against it, the strongest first:\n"
        "1. the income is too low for the loan\n\n"
        "The decision would have been favourable with these values, and all others as they are:\n"
        "- income: 2000\n\n"
        "No person has decided otherwise. An appeal can be filed under the number of the decision.\n"
    )
    as_json = office.viewer.get(path).json()
    assert as_json == {
        "decision_id": made["id"], "model": "loans", "version": "3", "decided_at": made["created_at"],
        "outcome": "unfavourable", "outcome_words": "not repaid", "reasons": [REASON["words"]], "text": answered.text,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/plain;q=0.9, application/json", "application/json"),
        ("text/*, application/json;q=0.5", "text/plain; charset=utf-8"),
        ("text/plain;q=nonsense", "application/json"),
        ("application/json;q=0.1, */*;q=0.5", "text/plain; charset=utf-8"),
    ],
)
def test_text_comes_to_who_likes_it_better(office: Office, accept: str, kind: str) -> None:
    path = f"/api/v1/decisions/{office.decided()['id']}/explanation"
    assert office.viewer.get(path, headers={"Accept": accept}).headers["content-type"] == kind


def test_a_favourable_decision_has_no_reasons(office: Office) -> None:
    made = Decision.model_validate(office.decided())
    assert "Reasons are given for unfavourable decisions alone." in text(made)
    assert "weighed against" not in text(made)


def test_why_there_are_no_reasons_is_told(made: Decision) -> None:
    words = text(made, reasons=None, undefined={"reasons": "there are no reference rows"})
    assert "No reasons can be given: there are no reference rows.\n" in words
    assert "weighed against" not in words


def test_a_reason_that_is_withheld_is_told_of(made: Decision) -> None:
    assert WITHHELD in text(made, strongest_withheld=True)
    assert WITHHELD in text(made, strongest_withheld=True, reasons=[])
    assert WITHHELD not in text(made)
    assert NO_REASONS in text(made, reasons=[])


def test_why_no_other_answer_is_known_is_told(made: Decision) -> None:
    words = text(made, counterfactual=None, undefined={"counterfactual": "nothing can be acted on"})
    assert "What would have led to the favourable decision cannot be told: nothing can be acted on." in words
    assert "would have" not in text(made, counterfactual=None)


def test_a_predicted_number_is_no_decision(office: Office) -> None:
    office.models.models = [described(version="of numbers", task="regression", threshold=None)]
    office.models.version = "of numbers"
    office.models.prediction = {"decision": None, "threshold": None, "score": 1234.5}
    words = text(Decision.model_validate(office.decided()))
    assert "It answered 1234.5. The model predicts a number and decides nothing.\n" in words
    assert "easons" not in words


def test_appeals_and_a_person_s_decision_are_told_and_what_is_for_the_file_is_not(office: Office) -> None:
    made = office.decided(POOR)
    path = f"/api/v1/decisions/{made['id']}"
    appeal = office.analyst.post(f"{path}/appeals", json={"grounds": "grounds of hers"}).json()

    def read() -> str:
        return str(office.viewer.get(f"{path}/explanation").json()["text"])

    assert f"An appeal was filed on {appeal['filed_at'][:10]}. It is not answered yet." in read()
    answer = {"upheld": True, "words": "You were right"}
    answered = office.approver.post(f"{path}/appeals/{appeal['id']}/answer", json=answer).json()["answer"]
    overrule = {"decision": 1, "reason": "for the file"}
    overruled = office.approver.post(f"{path}/overrules", json=overrule).json()
    words = read()
    assert f"It was answered on {answered['answered_at'][:10]} and upheld: You were right." in words
    decided = f"A person decided on {overruled['overruled_at'][:10]}, and this decision stands: favourable, “repaid”."
    assert decided in words
    assert "for the file" not in words
    assert "grounds of hers" not in words


def test_several_reasons_are_numbered_in_their_order(made: Decision) -> None:
    reasons = [Reason(code=f"{name}.low", column=name, direction="low", words=f"the {name}") for name in "abcd"]
    assert "1. the a\n2. the b\n3. the c\n4. the d\n" in text(made, reasons=reasons)
