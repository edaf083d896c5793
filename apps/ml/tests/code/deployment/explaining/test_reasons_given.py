"""Reasons online are those of the evidence, for the same rows, in the same words and order."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from apps.ml.data.processed import read_schema, read_split
from apps.ml.deployment.explaining.basis_sources import basis_for
from apps.ml.deployment.explaining.preparation import prepared_explainer
from apps.ml.deployment.explaining.reason_part import ReasonPart
from apps.ml.deployment.explaining.row_explanation import Wanted
from apps.ml.evaluation.explanations.decision_rows import DecisionRows
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.reasons_given.reason_report import report_reasons
from apps.ml.evaluation.explanations.reasons_given.reasons import reason_finder
from apps.ml.tests.code.deployment.explaining.conftest import EVERY_ENCODING, Explained, MakeExplained

ONLY_REASONS = Wanted(contributions=False)
CASES = [
    pytest.param("lightgbm", {}, True, id="tables"),
    pytest.param("lightgbm", {"columns": EVERY_ENCODING["columns"]}, True, id="tables-other-encodings"),
    pytest.param("lightgbm", EVERY_ENCODING, False, id="interaction"),
    pytest.param("logistic_regression", {}, False, id="linear"),
    pytest.param("lightgbm", {"use_sensitive": True}, True, id="sensitive-column"),
]


def offline_rule(case: Explained) -> DecisionRule:
    """The rule exactly as the evidence asks it."""
    bundle, info = case.model.bundle, case.model.bundle.info
    assert info.threshold is not None
    return DecisionRule(info.columns, bundle.decision_scores, bundle.decide, info.favourable, info.threshold)


def offline_report(case: Explained) -> dict[int, dict[str, Any]]:
    """The examples of the evidence's report, by row."""
    test, schema = read_split(case.paths.processed, "test"), read_schema(case.paths.processed)
    columns = case.model.bundle.info.columns
    reference = read_split(case.paths.processed, "train").inputs(columns)
    rows = DecisionRows(case.frame, np.arange(len(case.frame)), test.labels, test.groups, reference, schema.attributes)
    settings = case.evaluation
    every = settings.model_copy(
        update={"explanations": settings.explanations.model_copy(update={"local_rows": len(case.bad)})}
    )
    report = report_reasons(offline_rule(case), rows, case.bad, len(case.bad), every)
    return {example["row"]: example for example in report["examples"]}


@pytest.mark.parametrize(("estimator", "features", "from_tables"), CASES)
def test_reasons_are_those_of_the_evidence_for_every_refused_row(
    estimator: str, features: dict[str, Any], from_tables: bool, explained: MakeExplained
) -> None:
    case = explained(estimator, features)
    assert isinstance(case.explainer.reasons, ReasonPart)
    assert (case.explainer.reasons.neighbours is not None) == from_tables
    frame, answers = case.chosen(case.bad)
    found = case.explainer.explain_frame(frame, answers, ONLY_REASONS)
    report = offline_report(case)
    assert len(report) == len(found)
    for row, one in zip(case.bad.tolist(), found, strict=True):
        assert one.reasons is not None
        assert [reason.words for reason in one.reasons] == report[row]["reasons"]
        assert one.strongest_withheld == report[row]["strongest_withheld"]


def test_columns_and_directions_are_those_that_the_finder_of_the_evidence_finds(loans: Explained) -> None:
    schema, columns = read_schema(loans.paths.processed), loans.model.bundle.info.columns
    reference = read_split(loans.paths.processed, "train").inputs(columns)
    settings = loans.evaluation
    finder = reason_finder(offline_rule(loans), reference, schema.attributes, settings.explanations, settings.seed)
    assert finder is not None
    frame, answers = loans.chosen(loans.bad)
    expected = [[(one.column, one.direction) for one in reasons] for reasons in finder.find(frame)]
    found = loans.explainer.explain_frame(frame, answers, ONLY_REASONS)
    assert [[(one.column, one.direction) for one in row.reasons or ()] for row in found] == expected
    codes = {reason.code for row in found for reason in row.reasons or ()}
    assert {"income.low", "debt.high"} <= codes


def test_neither_a_sensitive_column_nor_a_declared_proxy_is_given(explained: MakeExplained) -> None:
    case = explained("lightgbm", {"use_sensitive": True})
    found = case.explainer.explain_frame(*case.chosen(case.bad), ONLY_REASONS)
    named = {reason.column for row in found for reason in row.reasons or ()}
    assert named
    assert not named & {"sex", "city"}
    assert all(len(row.reasons or ()) <= 4 for row in found)


def test_favourable_decisions_have_no_reasons(loans: Explained) -> None:
    assert loans.answers.decisions is not None
    good = np.flatnonzero(loans.answers.decisions == 1)[:3]
    for one in loans.explainer.explain_frame(*loans.chosen(good), Wanted(counterfactual=True)):
        assert (one.reasons, one.counterfactual, one.reasons_method) == (None, None, None)
        assert one.undefined["reasons"] == one.undefined["counterfactual"] == "the decision is favourable"
        assert one.contributions is not None


def test_a_category_and_a_number_that_nobody_had_are_explained_as_in_the_evidence(loans: Explained) -> None:
    frame, _ = loans.chosen(loans.bad[:1])
    strange = frame.assign(city="Zug", noise=1e12, income=0.0)
    decided = loans.model.scorer.answers(strange)
    assert decided.decisions is not None
    assert decided.decisions[0] == 0
    (quick,) = loans.explainer.explain_frame(strange, decided, ONLY_REASONS)
    assert isinstance(loans.explainer.reasons, ReasonPart)
    slow_part = replace(loans.explainer.reasons, neighbours=None)
    (slow,) = replace(loans.explainer, reasons=slow_part).explain_frame(strange, decided, ONLY_REASONS)
    assert quick == slow
    assert quick.reasons


def test_a_row_gets_the_same_reasons_alone_and_among_others(explained: MakeExplained) -> None:
    for case in (explained("lightgbm"), explained("logistic_regression")):
        rows = case.bad[:5]
        together = case.explainer.explain_frame(*case.chosen(rows), ONLY_REASONS)
        alone = [case.explainer.explain_frame(*case.chosen([row]), ONLY_REASONS)[0] for row in rows]
        assert together == alone


def test_the_method_names_who_the_person_is_compared_with(loans: Explained) -> None:
    (one,) = loans.explainer.explain_frame(*loans.chosen(loans.bad[:1]), ONLY_REASONS)
    assert one.reasons_method is not None
    assert "at or just above the cut-off (the training rows, as in the evidence)" in one.reasons_method


def test_nobody_at_the_cut_off_leaves_reasons_undefined(loans: Explained) -> None:
    basis = basis_for(loans.model, loans.paths)
    assert basis is not None
    explainer = prepared_explainer(loans.model, replace(basis, finder=None))
    (one,) = explainer.explain_frame(*loans.chosen(loans.bad[:1]), ONLY_REASONS)
    assert "nobody is at the cut-off" in one.undefined["reasons"]
