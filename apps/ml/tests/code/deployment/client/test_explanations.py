"""Explanations as they are asked for and read."""

from typing import Any

import pytest

from apps.ml.deployment.client import BadAnswerError, Change, Contribution, Counterfactual, Reason
from apps.ml.tests.code.deployment.client.both_clients import Ask, blocking, both
from apps.ml.tests.code.deployment.client.scripted_server import (
    ROW,
    answer,
    explanation,
    prediction,
    predictions,
    scripted,
)


def explained(**changes: Any) -> dict[str, Any]:
    return predictions(prediction(explanation=explanation(**changes)))


@both
@pytest.mark.parametrize(("method", "more"), [("explain", {}), ("predict", {"explain": True})])
def test_an_explanation_is_read_part_by_part(ask: Ask, method: str, more: dict[str, Any]) -> None:
    with scripted(answer(explained())) as server:
        (only,) = ask(server.address, method, [ROW], **more).predictions
    found = only.explanation
    assert (found.output, found.base, found.method, found.sampling_error) == ("log-odds", 0.5, "exact", None)
    assert found.contributions == (Contribution("age", -0.25),)
    assert found.reasons == (Reason("age.low", "age", "low", "the age of the applicant"),)
    assert found.counterfactual == Counterfactual((Change("purpose", "change", "car", 1.0),), 1.0)
    assert (found.strongest_withheld, dict(found.undefined)) == (False, {"base": "because"})


@both
@pytest.mark.parametrize(
    ("method", "asked", "sent"),
    [
        ("predict", {"explain": True}, {"explain": True}),
        ("explain", {}, {}),
        ("explain", {"counterfactual": True}, {"counterfactual": True}),
        ("explain", {"contributions": False, "alias": "champion"}, {"contributions": False, "alias": "champion"}),
        ("explain", {"reasons": False, "subject": "case 7"}, {"reasons": False, "subject": "case 7"}),
    ],
)
def test_only_what_differs_from_the_usual_is_said(
    ask: Ask, method: str, asked: dict[str, Any], sent: dict[str, Any]
) -> None:
    with scripted(answer(explained())) as server:
        ask(server.address, method, [ROW], **asked)
    assert (server.asked[0][0], server.asked[0][2]) == (f"/v1/{method}", {"instances": [ROW], **sent})


def test_parts_that_are_undefined_or_not_asked_for_are_none() -> None:
    parts = ("output", "base", "contributions", "method", "reasons", "reasons_method", "counterfactual")
    with scripted(answer(explained(**dict.fromkeys(parts)))) as server:
        (only,) = blocking(server.address, "explain", [ROW]).predictions
    assert only.explanation is not None
    assert {getattr(only.explanation, part) for part in parts} == {None}


def test_a_prediction_that_was_not_to_be_explained_has_no_explanation() -> None:
    with scripted(answer(explained())) as server:
        (only,) = blocking(server.address, "predict", [ROW]).predictions
    assert only.explanation is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"contributions": [{"column": "age"}]}, r"explanation.contributions\[0\] has no key 'contribution'"),
        ({"reasons": {}}, "explanation.reasons is not an array"),
        ({"output": "odds"}, "explanation.output is not one of log-odds, probability, value"),
        ({"undefined": {"base": 1}}, "explanation.undefined.base is not a text"),
        ({"counterfactual": {"changes": [], "cost": None}}, "counterfactual.cost is not a finite number"),
    ],
)
def test_a_broken_explanation_is_named_by_its_place(changes: dict[str, Any], why: str) -> None:
    with scripted(answer(explained(**changes))) as server, pytest.raises(BadAnswerError, match=why):
        blocking(server.address, "explain", [ROW])


def test_an_explanation_that_is_missing_breaks_the_contract() -> None:
    with scripted(answer(predictions())) as server, pytest.raises(BadAnswerError, match="no key 'explanation'"):
        blocking(server.address, "predict", [ROW], explain=True)
