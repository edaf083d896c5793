"""Estimates are those of fairlearn wherever it is right; where it is not, a test says so."""

from collections.abc import Mapping

import fairlearn.metrics as oracle
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, precision_score

from apps.ml.tests.fairness_rows import EVERY_GROUP, assessed, rows_of

ONE_RATE = {
    "predictive_equality": oracle.false_positive_rate,
    "false_negative_rate": oracle.false_negative_rate,
    "predictive_parity": precision_score,
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
}
RATES = {
    "selection_rate": oracle.selection_rate,
    "true_positive_rate": oracle.true_positive_rate,
    "false_positive_rate": oracle.false_positive_rate,
    "true_negative_rate": oracle.true_negative_rate,
    "false_negative_rate": oracle.false_negative_rate,
    "positive_predictive_value": precision_score,
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
}

# At least one row in every cell: fairlearn takes a share of nobody as 0.
blocks = st.lists(st.integers(1, 40), min_size=4, max_size=4)
counted = st.lists(blocks, min_size=2, max_size=4).map(lambda found: dict(zip("abcd", found, strict=False)))


@settings(max_examples=8, deadline=None)
@given(counted)
def test_comparisons_of_selection_and_odds_are_those_of_fairlearn(counts: Mapping[str, list[int]]) -> None:
    labels, decisions, groups = rows_of(counts)
    found = assessed(labels, decisions, groups, parameters=EVERY_GROUP).metrics
    for name in ("demographic_parity", "equalized_odds", "equal_opportunity"):
        for kind in ("difference", "ratio"):
            expected = getattr(oracle, f"{name}_{kind}")(labels, decisions, sensitive_features=groups)
            assert found[f"{name}_{kind}"].value == pytest.approx(expected), (name, kind)
    for kind in ("difference", "ratio"):
        expected = getattr(oracle, f"equalized_odds_{kind}")(labels, decisions, sensitive_features=groups, agg="mean")
        assert found[f"equalized_odds_mean_{kind}"].value == pytest.approx(expected)


@settings(max_examples=6, deadline=None)
@given(counted)
def test_rates_of_groups_and_their_comparisons_are_those_of_fairlearn(counts: Mapping[str, list[int]]) -> None:
    labels, decisions, groups = rows_of(counts)
    attribute = assessed(labels, decisions, groups, parameters=EVERY_GROUP)
    frame = oracle.MetricFrame(metrics=RATES, y_true=labels, y_pred=decisions, sensitive_features=groups)
    for group, found in attribute.groups.items():
        expected = frame.by_group.loc[group].to_dict()
        assert {name: found.metrics[name].value for name in RATES} == pytest.approx(expected)
    compared = oracle.MetricFrame(metrics=ONE_RATE, y_true=labels, y_pred=decisions, sensitive_features=groups)
    for name in ONE_RATE:
        assert attribute.metrics[f"{name}_difference"].value == pytest.approx(compared.difference()[name])
        assert attribute.metrics[f"{name}_ratio"].value == pytest.approx(compared.ratio()[name])


@settings(max_examples=3, deadline=None)
@given(counted, st.integers(0, 1000))
def test_weighted_selection_is_that_of_fairlearn(counts: Mapping[str, list[int]], seed: int) -> None:
    labels, decisions, groups = rows_of(counts)
    weights = np.random.default_rng(seed).uniform(0.2, 3, len(labels))
    found = assessed(labels, decisions, groups, parameters=EVERY_GROUP, weights=weights).metrics
    for kind in ("difference", "ratio"):
        expected = getattr(oracle, f"demographic_parity_{kind}")(
            labels, decisions, sensitive_features=groups, sample_weight=weights
        )
        assert found[f"demographic_parity_{kind}"].value == pytest.approx(expected)


def test_a_group_without_positives_has_no_true_positive_rate_where_fairlearn_reports_a_false_gap() -> None:
    # Every decision is right, and nothing can be said about positives of b; fairlearn calls that the largest gap.
    labels, decisions, groups = rows_of({"a": [20, 0, 0, 20], "b": [40, 0, 0, 0]})
    assert oracle.equalized_odds_difference(labels, decisions, sensitive_features=groups) == 1.0
    of_b = groups == "b"
    assert oracle.true_positive_rate(labels[of_b], decisions[of_b]) == 0.0
    assert oracle.false_negative_rate(labels[of_b], decisions[of_b]) == 0.0
    attribute = assessed(labels, decisions, groups)
    assert attribute.groups["b"].metrics["true_positive_rate"].undefined == "no row has the positive event"
    assert attribute.groups["b"].metrics["false_negative_rate"].undefined == "no row has the positive event"
    for name in ("equalized_odds_difference", "equalized_odds_ratio", "equal_opportunity_difference"):
        assert attribute.metrics[name].value is None
        assert attribute.metrics[name].undefined == (
            "true positive rate is undefined for 'b': no row has the positive event"
        )
    assert attribute.metrics["demographic_parity_difference"].value == 0.5


def test_the_ratio_of_nobody_selected_is_undefined_with_the_reason_where_fairlearn_says_not_a_number() -> None:
    labels, decisions, groups = rows_of({"a": [30, 0, 10, 0], "b": [20, 0, 20, 0]})
    with np.errstate(invalid="ignore"):
        assert np.isnan(oracle.demographic_parity_ratio(labels, decisions, sensitive_features=groups))
    found = assessed(labels, decisions, groups).metrics
    assert found["demographic_parity_difference"].value == 0.0
    assert found["demographic_parity_ratio"].undefined == (
        "favourable rate is 0 in every judged group, so their ratio is 0 / 0"
    )


def test_a_ratio_of_odds_is_undefined_where_no_group_has_a_false_positive() -> None:
    # fairlearn drops the 0 / 0 of the false positive rates and reports the other ratio as if it were the worse.
    labels, decisions, groups = rows_of({"a": [30, 0, 10, 10], "b": [30, 0, 4, 16]})
    with np.errstate(invalid="ignore"):
        reported = oracle.equalized_odds_ratio(labels, decisions, sensitive_features=groups)
    assert reported == pytest.approx(0.5 / 0.8)
    found = assessed(labels, decisions, groups).metrics["equalized_odds_ratio"]
    assert found.undefined == "false positive rate is 0 in every judged group, so their ratio is 0 / 0"
