"""Estimates are checked against fairlearn wherever it is right; where it is not, a test says so."""

from random import Random
from typing import Any, Literal

import fairlearn.metrics as oracle
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_score

from apps.ml.errors import DataError
from apps.ml.evaluation.fairness import AttributeAssessment, FairnessAssessment, assess_fairness
from apps.ml.evaluation.fairness.assessment import assess_counts
from apps.ml.evaluation.statistics.counts import CountTable, count
from apps.ml.parameters import ModelEvaluation

PARAMETERS = ModelEvaluation(seed=1)
COMPARISONS = [
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
    "predictive_parity_difference",
    "predictive_parity_ratio",
    "base_rate_difference",
]
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def rows(seed: int, n: int = 600, groups: str = "abc") -> Rows:
    generator = np.random.default_rng(seed)
    names = generator.choice(list(groups), n)
    labels = (generator.random(n) < 0.4).astype(np.int8)
    decisions = (generator.random(n) < 0.2 + 0.4 * labels + 0.1 * (names == "a")).astype(np.int8)
    return labels, decisions, names


def assessed(
    labels: Any,
    decisions: Any,
    groups: Any,
    favourable: Literal["positive", "negative"] = "positive",
    parameters: ModelEvaluation = PARAMETERS,
) -> AttributeAssessment:
    """Assess one attribute."""
    frame = pd.DataFrame({"attribute": groups})
    return assess_fairness(labels, decisions, frame, favourable, parameters).attributes["attribute"]


@pytest.mark.parametrize("seed", range(8))
def test_comparisons_are_those_of_fairlearn(seed: int) -> None:
    labels, decisions, groups = rows(seed)
    found = assessed(labels, decisions, groups).metrics
    for name in COMPARISONS[:6]:
        expected = getattr(oracle, name)(labels, decisions, sensitive_features=groups)
        assert found[name].value == pytest.approx(expected), name
    precision = oracle.MetricFrame(metrics=precision_score, y_true=labels, y_pred=decisions, sensitive_features=groups)
    assert found["predictive_parity_difference"].value == pytest.approx(precision.difference())
    assert found["predictive_parity_ratio"].value == pytest.approx(precision.ratio())


@pytest.mark.parametrize("seed", range(3))
def test_rates_of_groups_are_those_of_fairlearn(seed: int) -> None:
    labels, decisions, groups = rows(seed)
    names = {
        "selection_rate": oracle.selection_rate,
        "true_positive_rate": oracle.true_positive_rate,
        "false_positive_rate": oracle.false_positive_rate,
        "true_negative_rate": oracle.true_negative_rate,
        "false_negative_rate": oracle.false_negative_rate,
        "positive_predictive_value": precision_score,
        "accuracy": accuracy_score,
    }
    expected = oracle.MetricFrame(metrics=names, y_true=labels, y_pred=decisions, sensitive_features=groups).by_group
    for group, found in assessed(labels, decisions, groups).groups.items():
        assert {name: found.metrics[name].value for name in names} == pytest.approx(expected.loc[group].to_dict())


def test_a_group_without_positives_has_no_true_positive_rate_where_fairlearn_reports_a_false_gap() -> None:
    labels = np.array([1] * 20 + [0] * 20 + [0] * 40)
    decisions = np.array([1] * 20 + [0] * 20 + [0] * 40)
    groups = np.array(["a"] * 40 + ["b"] * 40)
    # Every decision is right, and nothing can be said about positives of b; fairlearn calls that the largest gap.
    assert oracle.equalized_odds_difference(labels, decisions, sensitive_features=groups) == 1.0
    found = assessed(labels, decisions, groups)
    assert found.groups["b"].metrics["true_positive_rate"].undefined == "no row has the positive event"
    assert found.groups["b"].metrics["false_negative_rate"].value is None
    for name in COMPARISONS[2:6]:
        assert found.metrics[name].value is None
        assert found.metrics[name].undefined == (
            "true positive rate is undefined for 'b': no row has the positive event"
        )
    assert found.metrics["demographic_parity_difference"].value == 0.5


def test_ratios_of_nobody_selected_are_undefined_with_the_reason() -> None:
    labels, _, groups = rows(0)
    found = assessed(labels, np.zeros_like(labels), groups).metrics
    assert found["demographic_parity_difference"].value == 0.0
    assert found["demographic_parity_ratio"].undefined == (
        "favourable rate is 0 in every judged group, so their ratio is 0 / 0"
    )
    assert found["predictive_parity_difference"].undefined == (
        "positive predictive value is undefined for 'a', 'b', 'c': no row is predicted positive"
    )


def test_a_group_that_is_never_selected_has_the_ratio_zero() -> None:
    labels = np.tile([0, 1], 80)
    decisions = np.repeat([0, 1], 80)
    found = assessed(labels, decisions, np.repeat(["a", "b"], 80)).metrics["demographic_parity_ratio"]
    assert found.value == 0.0
    assert found.lower == 0.0
    assert 0.0 < found.upper < 0.1  # type: ignore[operator]


def test_the_four_fifths_ratio_speaks_of_the_favourable_outcome() -> None:
    # 10 % of a and 5 % of b are refused: twice as often, and yet 90 % against 95 % are not.
    labels = np.zeros(400, dtype=np.int8)
    decisions = np.array([1] * 20 + [0] * 180 + [1] * 10 + [0] * 190)
    groups = np.repeat(["a", "b"], 200)
    harmful, helpful = (assessed(labels, decisions, groups, favourable) for favourable in ("negative", "positive"))
    assert harmful.metrics["demographic_parity_ratio"].value == pytest.approx(0.90 / 0.95)
    assert helpful.metrics["demographic_parity_ratio"].value == pytest.approx(0.05 / 0.10)
    assert harmful.metrics["demographic_parity_difference"].value == pytest.approx(0.05)
    assert helpful.metrics["demographic_parity_difference"].value == pytest.approx(0.05)


def test_unknown_and_small_groups_are_shown_and_not_judged() -> None:
    labels, decisions, groups = rows(1)
    parts = [np.array(["a"] * 600), np.array(["tiny"] * 29), np.array([None] * 50)]
    many = pd.Series(np.concatenate([groups, *parts]), dtype=object)
    extra = np.ones(679, dtype=np.int8)
    found = assessed(np.concatenate([labels, extra]), np.concatenate([decisions, extra]), many)
    assert list(found.groups) == ["a", "b", "c", "tiny", "unknown"]
    assert found.judged_groups == ("a", "b", "c")
    assert found.groups["tiny"].why_not == "29 rows are fewer than the minimum group size of 30"
    assert found.groups["unknown"].why_not == "the group of these rows is unknown"
    assert found.groups["unknown"].n == 50
    assert found.groups["tiny"].metrics["selection_rate"].value == 1.0
    assert found.metrics["demographic_parity_difference"].n == 1200


def test_the_minimum_size_is_a_parameter_and_its_boundary_is_judged() -> None:
    labels, decisions, groups = rows(2, n=60, groups="ab")
    sizes = count(labels, decisions, groups).sizes
    for minimum, judged in ((int(sizes.min()), 2), (int(sizes.min()) + 1, 1)):
        found = assessed(labels, decisions, groups, parameters=ModelEvaluation(seed=1, minimum_group_size=minimum))
        assert len(found.judged_groups) == judged


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        (["a"] * 100, "a comparison needs at least two judged groups and only 'a' is judged"),
        ([None] * 100, "a comparison needs at least two judged groups and none is judged"),
    ],
)
def test_fewer_than_two_judged_groups_leave_every_comparison_undefined(groups: list[str | None], reason: str) -> None:
    labels, decisions, _ = rows(3, n=100)
    found = assessed(labels, decisions, pd.Series(groups, dtype=object))
    assert list(found.metrics) == COMPARISONS
    assert {measured.undefined for measured in found.metrics.values()} == {reason}


def estimates(found: AttributeAssessment) -> list[float | None]:
    return [measured.value for measured in found.metrics.values()]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    labels, decisions, groups = rows(seed, n=150)
    order = np.random.default_rng(seed).permutation(150)
    assert (
        assessed(labels, decisions, groups).to_dict()
        == assessed(labels[order], decisions[order], groups[order]).to_dict()
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_the_names_of_groups_do_not_matter(seed: int, random: Random) -> None:
    labels, decisions, groups = rows(seed, n=150)
    names = ["x", "y", "z"]
    random.shuffle(names)
    renamed = pd.Series(groups).map(dict(zip("abc", names, strict=True)))
    before, after = assessed(labels, decisions, groups), assessed(labels, decisions, renamed)
    assert estimates(before) == pytest.approx(estimates(after))
    for old, new in zip("abc", names, strict=True):
        assert before.groups[old] == after.groups[new]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_doubling_the_data_leaves_the_estimates_and_narrows_the_bounds(seed: int) -> None:
    labels, decisions, groups = rows(seed, n=200)
    once = assessed(labels, decisions, groups)
    twice = assessed(np.tile(labels, 2), np.tile(decisions, 2), np.tile(groups, 2))
    assert estimates(once) == pytest.approx(estimates(twice))
    for name, measured in once.metrics.items():
        assert twice.metrics[name].upper <= measured.upper  # type: ignore[operator]
        assert twice.metrics[name].lower >= measured.lower  # type: ignore[operator]


def test_counts_alone_give_the_same_assessment_as_rows() -> None:
    labels, decisions, groups = rows(4)
    from_rows = assessed(labels, decisions, groups)
    stored = CountTable.from_dict(from_rows.counts.to_dict())
    assert assess_counts(stored, "positive", PARAMETERS).to_dict() == from_rows.to_dict()


def test_every_attribute_is_assessed_in_the_order_given_whatever_its_index() -> None:
    labels, decisions, groups = rows(5)
    frame = pd.DataFrame({"second": groups, "first": groups[::-1]}, index=np.arange(600)[::-1])
    found = assess_fairness(pd.Series(labels), decisions, frame, "positive", PARAMETERS)
    assert list(found.attributes) == ["second", "first"]
    assert found.attributes["second"].to_dict() == assessed(labels, decisions, groups).to_dict()


def test_intervals_name_their_family() -> None:
    found = assessed(*rows(6)).metrics
    assert found["equalized_odds_difference"].method == (
        "pairwise Newcombe (MOVER-Wilson) intervals, lower bound Bonferroni over 6 pairs of 2 rates"
    )
    assert found["demographic_parity_ratio"].method == (
        "pairwise MOVER-Wilson ratio intervals, upper bound Bonferroni over 3 pairs"
    )
    two = assessed(*rows(6, groups="ab")).metrics["equal_opportunity_difference"]
    assert two.method == "pairwise Newcombe (MOVER-Wilson) intervals"
    for measured in found.values():
        assert measured.lower <= measured.value <= measured.upper  # type: ignore[operator]


def test_the_dict_has_comparisons_and_groups_side_by_side() -> None:
    content = FairnessAssessment({"sex": assessed(*rows(7))}).to_dict()["sex"]
    assert list(content) == [*COMPARISONS, "groups"]
    assert list(content["groups"]["a"])[:3] == ["n", "judged", "base_rate"]
    assert content["groups"]["a"]["base_rate"]["denominator"] == content["groups"]["a"]["n"]


def test_input_that_cannot_be_assessed_is_refused() -> None:
    labels, decisions, groups = rows(8, n=10)
    frame = pd.DataFrame({"sex": groups})
    with pytest.raises(DataError, match="decisions: 10 rows of 10 hold neither 0 nor 1"):
        assess_fairness(labels, decisions * 0.5 + 0.25, frame, "positive", PARAMETERS)
    with pytest.raises(DataError, match="labels 10, groups 9"):
        assess_fairness(labels, decisions, frame.iloc[:9], "positive", PARAMETERS)
    with pytest.raises(DataError, match="there is no sensitive attribute"):
        assess_fairness(labels, decisions, frame[[]], "positive", PARAMETERS)
    with pytest.raises(DataError, match="sensitive attributes appear twice: sex"):
        assess_fairness(labels, decisions, pd.concat([frame, frame], axis=1), "positive", PARAMETERS)


def test_the_input_stays_unaltered() -> None:
    labels, decisions, groups = rows(9)
    frame = pd.DataFrame({"sex": groups})
    before = labels.tolist(), decisions.tolist(), frame.copy()
    assess_fairness(labels, decisions, frame, "positive", PARAMETERS)
    assert (labels.tolist(), decisions.tolist()) == before[:2]
    pd.testing.assert_frame_equal(frame, before[2])
