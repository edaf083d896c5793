"""Contributions online are those of the evidence, add up to the score and bear the columns' own names."""

from typing import Any

import numpy as np
import pytest

from apps.ml.deployment.explaining.contribution_part import OwnContributions, TableContributions
from apps.ml.deployment.explaining.preparation import NO_BASIS, prepared_explainer
from apps.ml.deployment.explaining.row_explanation import RowExplanation, Wanted
from apps.ml.evaluation.explanations.contributions.shap_values import contributions_of
from apps.ml.evaluation.explanations.scored_model import BACKGROUND_ROWS, sample_rows
from apps.ml.models.bundle import Answers
from apps.ml.tests import small_wages
from apps.ml.tests.code.deployment.explaining.conftest import EVERY_ENCODING, Explained, MakeExplained

ONLY_CONTRIBUTIONS = Wanted(reasons=False)
ROWS = np.arange(12)
CASES = [
    pytest.param("lightgbm", {}, id="tables"),
    pytest.param("lightgbm", EVERY_ENCODING, id="tables-every-encoding"),
    pytest.param("logistic_regression", EVERY_ENCODING, id="linear-every-encoding"),
    pytest.param("xgboost", {}, id="xgboost"),
    pytest.param("random_forest", {}, id="forest"),
    pytest.param("naive_bayes", {}, id="naive-bayes"),
    pytest.param("mlp", {}, id="sampled"),
]


def total(one: RowExplanation) -> float:
    assert one.base is not None
    assert one.contributions is not None
    return one.base + sum(one.contributions.values())


def log_odds(scores: Any) -> Any:
    return np.log(scores) - np.log1p(-scores)


@pytest.mark.parametrize(("estimator", "features"), CASES)
def test_contributions_are_those_of_the_evidence_and_add_up(
    estimator: str, features: dict[str, Any], explained: MakeExplained
) -> None:
    case = explained(estimator, features)
    frame, answers = case.chosen(ROWS)
    found = case.explainer.explain_frame(frame, answers, ONLY_CONTRIBUTIONS)
    settings, bundle = case.evaluation, case.model.bundle
    rows = case.encoded_training
    background = rows[sample_rows(len(rows), settings.explanations.background_rows, settings.seed, BACKGROUND_ROWS)]
    sources = bundle.info.feature_sources
    offline = contributions_of(bundle, bundle.encode(frame), background, sources, settings.seed)
    for row, one in enumerate(found):
        assert one.contributions is not None, one.undefined
        expected = dict(zip(offline.columns, offline.values[row], strict=True))
        assert one.contributions == pytest.approx(expected, abs=1e-9)
        assert one.base == pytest.approx(offline.base[row], abs=1e-9)
        assert (one.output, one.method) == (offline.output, offline.method)
        assert (one.sampling_error is None) == (estimator != "mlp")
        sizes = [abs(value) for value in one.contributions.values()]
        assert sizes == sorted(sizes, reverse=True)
    sums = np.array([total(one) for one in found])
    score = log_odds(answers.scores) if found[0].output == "log-odds" else answers.scores
    assert sums == pytest.approx(score, abs=1e-6)


def test_encoded_features_are_summed_under_the_names_of_their_columns(explained: MakeExplained) -> None:
    case = explained("lightgbm", EVERY_ENCODING)
    (one,) = case.explainer.explain_frame(*case.chosen([3]), ONLY_CONTRIBUTIONS)
    assert set(one.contributions or ()) == {"income", "debt", "age", "owner", "city", "noise", "income × debt"}


def test_predicted_numbers_are_explained_as_values(wages: Explained) -> None:
    frame, answers = wages.chosen(ROWS)
    found = wages.explainer.explain_frame(frame, answers, Wanted(counterfactual=True))
    assert {one.output for one in found} == {"value"}
    assert [total(one) for one in found] == pytest.approx(answers.scores, abs=1e-6)
    for one in found:
        assert (one.reasons, one.counterfactual) == (None, None)
        assert one.undefined["reasons"] == one.undefined["counterfactual"]
        assert "predicts a number" in one.undefined["reasons"]


def test_trees_are_explained_from_tables_and_other_estimators_by_their_own_method(explained: MakeExplained) -> None:
    assert isinstance(explained("lightgbm").explainer.contributions, TableContributions)
    assert isinstance(explained("xgboost").explainer.contributions, OwnContributions)


def test_a_score_that_is_missed_makes_contributions_undefined(loans: Explained) -> None:
    frame, answers = loans.chosen([0, 1])
    wrong = Answers(answers.scores + np.array([0.0, 0.01]), answers.decisions)
    right, missed = loans.explainer.explain_frame(frame, wrong, ONLY_CONTRIBUTIONS)
    assert right.contributions is not None
    assert (missed.contributions, missed.base) == (None, None)
    assert "miss the model's output" in missed.undefined["contributions"]


def test_what_needs_reference_rows_is_undefined_without_them(explained: MakeExplained) -> None:
    case = explained("logistic_regression", EVERY_ENCODING)
    explainer = prepared_explainer(case.model, None)
    (one,) = explainer.explain_frame(*case.chosen(case.bad[:1]), Wanted(counterfactual=True))
    assert one.undefined == dict.fromkeys(("contributions", "reasons", "counterfactual"), NO_BASIS)


def test_nothing_is_computed_that_nobody_asked_for(loans: Explained) -> None:
    (one,) = loans.explainer.explain_frame(*loans.chosen(loans.bad[:1]), Wanted(contributions=False, reasons=False))
    assert one == RowExplanation()


def test_no_rows_have_no_explanations(loans: Explained) -> None:
    assert loans.explainer.explain_frame(*loans.chosen([]), Wanted()) == []


def test_rows_of_values_are_explained_as_typed_rows(explained: MakeExplained) -> None:
    for case in (explained("lightgbm"), explained("xgboost"), explained("mlp")):
        frame, answers = case.chosen([0, 1, case.bad[0]])
        values = [
            tuple(None if value != value else value for value in row)
            for row in frame.itertuples(index=False, name=None)
        ]
        what = Wanted(counterfactual=True)
        assert case.explainer.explain_rows(values, answers, what) == case.explainer.explain_frame(frame, answers, what)


def test_wages_keep_their_own_columns(wages: Explained) -> None:
    (one,) = wages.explainer.explain_frame(*wages.chosen([5]), ONLY_CONTRIBUTIONS)
    names = {column.name for column in small_wages.COLUMNS if not column.sensitive}
    assert set(one.contributions or ()) == names
