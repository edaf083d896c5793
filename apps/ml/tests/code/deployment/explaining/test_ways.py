"""Counterfactuals online: they lead to the favourable decision and change only what a person can act on."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from apps.ml.data.processed import read_schema, read_split
from apps.ml.deployment.explaining import bounds
from apps.ml.deployment.explaining.bounds import CALL_SECONDS
from apps.ml.deployment.explaining.row_explanation import Wanted
from apps.ml.deployment.explaining.way_part import NOT_CONFIRMED, WayPart
from apps.ml.deployment.scorers.bundle_scorer import BundleScorer
from apps.ml.evaluation.explanations.ways.counterfactuals import counterfactual_finder
from apps.ml.models.bundle import Answers
from apps.ml.tests.code.deployment.explaining.conftest import Explained, MakeExplained
from apps.ml.tests.code.deployment.explaining.test_reasons_given import offline_rule

ONLY_WAYS = Wanted(contributions=False, reasons=False, counterfactual=True)


@pytest.mark.parametrize("estimator", ["lightgbm", "logistic_regression"])
def test_a_way_turns_the_decision_and_changes_only_what_can_be_acted_on(
    estimator: str, explained: MakeExplained
) -> None:
    case = explained(estimator)
    frame, answers = case.chosen(case.bad[:10])
    found = case.explainer.explain_frame(frame, answers, ONLY_WAYS)
    ways = [(row, one.counterfactual) for row, one in enumerate(found) if one.counterfactual is not None]
    assert len(ways) >= 5
    for row, way in ways:
        changed: dict[Any, Any] = frame.iloc[row].to_dict()
        for change in way.changes:
            before = changed[change.column]
            assert change.column not in ("age", "city", "sex")
            if change.column in ("income", "debt"):
                assert (change.value > before) == (change.column == "income")
            changed[change.column] = change.value
        after = frame.iloc[[row]].assign(**{name: [value] for name, value in changed.items()}).astype(frame.dtypes)
        decisions = case.model.scorer.answers(after).decisions
        assert decisions is not None
        assert decisions[0] == 1


def test_ways_are_those_of_the_evidence(loans: Explained) -> None:
    columns, settings = loans.model.bundle.info.columns, loans.evaluation.explanations
    reference = read_split(loans.paths.processed, "train").inputs(columns)
    attributes = read_schema(loans.paths.processed).attributes
    finder = counterfactual_finder(offline_rule(loans), reference, attributes, settings.counterfactual_changes)
    frame, answers = loans.chosen(loans.bad[:8])
    found = loans.explainer.explain_frame(frame, answers, ONLY_WAYS)
    assert [one.counterfactual for one in found] == finder.find(frame)


def test_no_way_is_an_answer_with_its_reason(loans: Explained) -> None:
    assert isinstance(loans.explainer.ways, WayPart)
    stuck = replace(loans.explainer.ways.finder.changes, direction=np.zeros(6, dtype=np.int64))
    ways = replace(loans.explainer.ways, finder=replace(loans.explainer.ways.finder, changes=stuck))
    (one,) = replace(loans.explainer, ways=ways).explain_frame(*loans.chosen(loans.bad[:1]), ONLY_WAYS)
    assert one.counterfactual is None
    assert "no change of at most 3 columns" in one.undefined["counterfactual"]


def test_a_way_that_the_serving_scorer_does_not_confirm_is_not_given(loans: Explained) -> None:
    class Stern(BundleScorer):
        def answers(self, frame: Any) -> Answers:
            return Answers(np.zeros(len(frame)), np.zeros(len(frame), dtype=np.int8))

    assert isinstance(loans.explainer.ways, WayPart)
    ways = replace(loans.explainer.ways, scorer=Stern(loans.model.bundle))
    (one,) = replace(loans.explainer, ways=ways).explain_frame(*loans.chosen(loans.bad[:1]), ONLY_WAYS)
    assert one.counterfactual is None
    assert one.undefined["counterfactual"] == NOT_CONFIRMED


@pytest.mark.parametrize(
    ("first", "more", "rows"), [(0.1, 0.001, 1000), (0.5, 0.1, 16), (1.95, 0.1, 1), (3.0, 3.0, 1), (0.01, 0.0, 1000)]
)
def test_a_call_may_explain_what_two_seconds_allow(
    first: float, more: float, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CALL_SECONDS == 2.0
    monkeypatch.setattr(bounds, "CALL_SECONDS", CALL_SECONDS)
    assert bounds.rows_within(first, more, 1000) == rows


def test_what_takes_too_long_for_a_call_is_undefined_with_its_cost(
    loans: Explained, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 1 <= loans.explainer.most_ways <= 20
    assert 1 <= loans.explainer.most_rows <= 1000
    monkeypatch.setattr(bounds, "CALL_SECONDS", 1e-7)
    explainer = bounds.bounded(loans.explainer)
    assert explainer.most_ways == 1
    (one,) = explainer.explain_frame(*loans.chosen(loans.bad[:1]), Wanted(counterfactual=True))
    assert set(one.undefined) == {"contributions", "reasons", "counterfactual"}
    assert all("explaining one row takes" in reason for reason in one.undefined.values())
