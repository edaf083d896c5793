"""Decisions alone, weighted rows, conditions, and inequality between persons."""

import fairlearn.metrics as oracle
import numpy as np
import pandas as pd
import pytest

from apps.ml.evaluation.fairness import assess_fairness
from apps.ml.evaluation.fairness.compositions import COMPOSED
from apps.ml.evaluation.fairness.score_metrics import SCORE_COMPARISONS
from apps.ml.evaluation.statistics.conditional import conditional_disparity
from apps.ml.evaluation.statistics.entropy import generalized_entropy
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.shares.rates import RATES
from apps.ml.parameters import ModelEvaluation
from apps.ml.tests.fairness_rows import EVERY_GROUP, PARAMETERS, assessed, random_rows, random_scores

DECISIONS_ALLOW = {"demographic_parity_difference", "demographic_parity_ratio"}
NO_LABELS = "there are no labels"


def test_decisions_alone_allow_selection_impact_parity_and_scoring_rates() -> None:
    labels, decisions, groups = random_rows(1)
    scores = random_scores(1, labels)
    with_labels = assessed(labels, decisions, groups, scores=scores)
    found = assessed(None, decisions, groups, scores=scores)
    for name in DECISIONS_ALLOW:
        assert found.metrics[name].value == with_labels.metrics[name].value
    assert {name for name, one in found.metrics.items() if one.is_defined} == DECISIONS_ALLOW
    assert {one.undefined for name, one in found.metrics.items() if name not in DECISIONS_ALLOW} == {NO_LABELS}
    assert {*COMPOSED, *SCORE_COMPARISONS} <= set(found.metrics)
    for name, group in found.groups.items():
        defined = {metric: one.value for metric, one in group.metrics.items() if one.is_defined}
        names = ("selection_rate", "favourable_rate", "impact_ratio", "scoring_rate", "scoring_impact_ratio")
        assert defined == {metric: with_labels.groups[name].metrics[metric].value for metric in names}
    of_b = found.reference.comparisons["b" if found.reference.group != "b" else "a"]
    assert {name for name, one in of_b.items() if one.is_defined} == {
        "statistical_parity_difference",
        "disparate_impact",
    }
    assert of_b["average_odds_difference"].undefined == NO_LABELS
    assert {one.value for one in found.individual.values()} == {None}
    assert any(group.four_fifths for group in found.groups.values())


def test_equal_weights_leave_every_estimate_as_it_is() -> None:
    labels, decisions, groups = random_rows(2)
    scores = random_scores(2, labels)
    plain = assessed(labels, decisions, groups, scores=scores)
    weighted = assessed(labels, decisions, groups, scores=scores, weights=np.full(len(labels), 0.7))
    for one, other in measured_pairs(plain.to_dict(), weighted.to_dict()):
        assert one["value"] == pytest.approx(other["value"]), one
        assert one["n"] == other["n"]
        if "lower" in one:
            bounds = other["lower"], other["upper"]
            assert bounds == pytest.approx((one["lower"], one["upper"]), abs=2e-3), one


def test_weighted_rates_weigh_rows_and_count_them_too() -> None:
    labels, decisions, groups = random_rows(3)
    weights = np.random.default_rng(3).uniform(0.1, 4, len(labels))
    found = assessed(labels, decisions, groups, weights=weights)
    for name, function in {
        "selection_rate": oracle.selection_rate,
        "true_positive_rate": oracle.true_positive_rate,
        "false_positive_rate": oracle.false_positive_rate,
    }.items():
        for group in "abc":
            inside = groups == group
            one = found.groups[group].metrics[name]
            expected = function(labels[inside], decisions[inside], sample_weight=weights[inside])
            assert one.value == pytest.approx(expected)
            assert one.method == "Wilson score interval, effective number of weighted rows"
            rate = RATES[name]
            assert one.n == rate.counts(found.counts.of(group))[1]
            assert one.denominator == pytest.approx(rate.counts(found.counts.mass)[1]["abc".index(group)])
    assert str(found.metrics["equalized_odds_difference"].method).endswith("effective number of weighted rows")
    assert str(found.metrics["equalized_odds_mean_ratio"].method).endswith("effective number of weighted rows")


def test_uneven_weights_widen_the_bounds() -> None:
    labels, decisions, groups = random_rows(3, groups="ab")
    weights = np.where(np.arange(len(labels)) % 10, 0.1, 5.0)
    plain, weighted = (assessed(labels, decisions, groups, weights=w) for w in (None, weights))
    for name in ("demographic_parity_difference", "balanced_accuracy_difference", "equalized_odds_sum_difference"):
        one, other = plain.metrics[name], weighted.metrics[name]
        assert other.upper - other.lower > one.upper - one.lower  # type: ignore[operator]


def test_measures_of_scores_say_that_weights_do_not_enter() -> None:
    labels, decisions, groups = random_rows(3)
    weights = np.random.default_rng(3).uniform(0.1, 4, len(labels))
    found = assessed(labels, decisions, groups, scores=random_scores(3, labels), weights=weights)
    for one in (*(found.metrics[name] for name in SCORE_COMPARISONS), found.groups["a"].metrics["roc_auc"]):
        assert str(one.method).endswith("rows counted alike: weights do not enter")


def test_conditions_compare_the_judged_groups_within_their_values() -> None:
    labels, decisions, groups = random_rows(4)
    groups = groups.astype(object)
    groups[:5] = "tiny"
    place = np.random.default_rng(44).choice(["north", "south"], len(labels))
    found = assessed(labels, decisions, groups, conditions=pd.DataFrame({"place": place}))
    judged = np.isin(groups, list("abc"))
    tables = {
        value: assessed(labels[inside], decisions[inside], groups[inside], parameters=EVERY_GROUP).counts
        for value in ("north", "south")
        for inside in [judged & (place == value)]
    }
    expected = conditional_disparity(tables, "positive", 0.95)
    assert found.conditional["place"]["difference"] == expected.difference.to_dict()
    assert found.conditional["place"]["cmh"] == expected.cmh


def test_a_condition_named_as_an_attribute_is_that_attribute_and_says_nothing_about_itself() -> None:
    labels, decisions, groups = random_rows(4)
    other = np.random.default_rng(44).choice(["x", "y"], len(labels))
    frame = pd.DataFrame({"first": groups, "second": other})
    found = assess_fairness(labels, decisions, frame, "positive", PARAMETERS, conditions=frame[["second"]])
    assert list(found.attributes["first"].conditional) == ["second"]
    assert not found.attributes["second"].conditional
    assert found.joint.attributes == ("first", "second")


@pytest.mark.parametrize("favourable", ["positive", "negative"])
def test_inequality_between_persons_follows_the_favourable_outcome(favourable: str) -> None:
    labels, decisions, groups = random_rows(5)
    found = assessed(labels, decisions, groups, favourable)  # type: ignore[arg-type]
    benefit = (decisions - labels if favourable == "positive" else labels - decisions) + 1.0
    mean = benefit.mean()
    assert found.individual["generalized_entropy"].value == pytest.approx(((benefit / mean) ** 2 - 1).mean() / 2)
    relative = benefit[benefit > 0] / mean
    theil = found.individual["theil_index"]
    assert theil.value == pytest.approx((relative * np.log(relative)).sum() / len(benefit))
    parts = [found.individual[f"generalized_entropy_{part}"].value for part in ("between", "within")]
    assert sum(parts) == pytest.approx(found.individual["generalized_entropy"].value)  # type: ignore[arg-type]


def test_the_entropy_parameter_is_alpha_and_one_is_theils() -> None:
    labels, decisions, groups = random_rows(5)
    parameters = ModelEvaluation(seed=1, bootstrap_replicates=100, entropy_alpha=1.0)
    found = assessed(labels, decisions, groups, parameters=parameters).individual
    assert found["generalized_entropy"] == found["theil_index"]
    table = assessed(labels, decisions, groups).counts
    assert found["theil_index"] == generalized_entropy(table, 1.0, 0.95, 100, 1).total


def measured_pairs(one: object, other: object) -> list[tuple[dict, dict]]:  # type: ignore[type-arg]
    """All measurements of two assessments of the same shape, side by side."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return []
    if set(Measurement(0.0, 0).to_dict()) <= set(one):
        return [(one, other)]
    return [pair for key in one if key in other for pair in measured_pairs(one[key], other[key])]
