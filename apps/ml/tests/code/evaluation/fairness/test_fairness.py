"""Comparisons between groups: which groups enter, what is undefined, what is said about each."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from apps.ml.errors import DataError, ParameterError
from apps.ml.evaluation.fairness import assess_fairness, assess_joint
from apps.ml.evaluation.fairness.comparisons import RATE_COMPARISONS, comparison_shares
from apps.ml.evaluation.fairness.compositions import COMPOSED
from apps.ml.evaluation.fairness.score_metrics import SCORE_COMPARISONS
from apps.ml.evaluation.statistics.counting.counts import CountTable, count
from apps.ml.evaluation.statistics.counting.joint_counts import JointCounts
from apps.ml.evaluation.statistics.shares.extremes import largest_gap, worst_ratio
from apps.ml.parameters import ModelEvaluation
from apps.ml.tests.fairness_rows import EVERY_GROUP, PARAMETERS, assessed, random_rows, random_scores, rows_of, table_of

COMPARISONS = (*RATE_COMPARISONS, *COMPOSED)


def slow_rates(labels: Any, decisions: Any) -> dict[str, float]:
    """Rates by going through the rows one by one."""
    pairs = list(zip(labels.tolist(), decisions.tolist(), strict=True))
    tn, fp, fn, tp = (pairs.count(cell) for cell in ((0, 0), (0, 1), (1, 0), (1, 1)))
    tpr, tnr = tp / (tp + fn), tn / (tn + fp)
    return {
        "demographic_parity": (tp + fp) / len(pairs),
        "equal_opportunity": tpr,
        "predictive_equality": 1 - tnr,
        "predictive_parity": tp / (tp + fp),
        "negative_predictive_parity": tn / (tn + fn),
        "false_discovery_rate": fp / (tp + fp),
        "false_omission_rate": fn / (tn + fn),
        "false_negative_rate": 1 - tpr,
        "accuracy": (tp + tn) / len(pairs),
        "balanced_accuracy": (tpr + tnr) / 2,
        "treatment_equality": fn / fp,
    }


@pytest.mark.parametrize("seed", range(5))
def test_every_comparison_is_the_gap_and_the_ratio_of_its_rate(seed: int) -> None:
    labels, decisions, groups = random_rows(seed)
    rates = {name: slow_rates(labels[groups == name], decisions[groups == name]) for name in "abc"}
    found = assessed(labels, decisions, groups).metrics
    for comparison in rates["a"]:
        values = {name: rates[name][comparison] for name in "abc"}
        low, high = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
        gap, ratio = found[f"{comparison}_difference"], found[f"{comparison}_ratio"]
        assert gap.value == pytest.approx(values[high] - values[low])
        assert ratio.value == pytest.approx(values[low] / values[high])
        assert {(gap.lowest, gap.highest), (ratio.lowest, ratio.highest)} == {(low, high)}


def test_equalized_odds_takes_the_worse_rate_and_names_it() -> None:
    # True positive rates .8 and .6, false positive rates .5 and .2.
    found = assessed(*rows_of({"a": [50, 50, 20, 80], "b": [80, 20, 40, 60]})).metrics
    odds = found["equalized_odds_difference"]
    assert odds.value == pytest.approx(0.3)
    assert (odds.rate, odds.lowest, odds.highest) == ("false_positive_rate", "b", "a")
    assert found["equalized_odds_ratio"].value == pytest.approx(0.4)
    assert found["equalized_odds_mean_difference"].value == pytest.approx(0.25)
    assert found["equalized_odds_mean_ratio"].value == pytest.approx((0.75 + 0.4) / 2)
    assert found["equalized_odds_sum_difference"].value == pytest.approx(0.5)
    assert found["equalized_odds_root_mean_square_difference"].value == pytest.approx(np.sqrt(0.065))
    assert found["equalized_odds_mean_difference"].rate == "false_positive_rate"


def test_a_group_that_is_never_selected_has_the_ratio_zero() -> None:
    labels = np.tile([0, 1], 80)
    decisions = np.repeat([0, 1], 80)
    found = assessed(labels, decisions, np.repeat(["a", "b"], 80)).metrics["demographic_parity_ratio"]
    assert found.value == 0.0
    assert found.lower == 0.0
    assert 0.0 < found.upper < 0.1  # type: ignore[operator]


def test_the_four_fifths_ratio_speaks_of_the_favourable_outcome() -> None:
    # 10 % of a and 5 % of b are refused: twice as often, and yet 90 % against 95 % are not.
    rows = rows_of({"a": [180, 20, 0, 0], "b": [190, 10, 0, 0]})
    harmful, helpful = assessed(*rows, "negative"), assessed(*rows, "positive")
    assert harmful.metrics["demographic_parity_ratio"].value == pytest.approx(0.90 / 0.95)
    assert helpful.metrics["demographic_parity_ratio"].value == pytest.approx(0.05 / 0.10)
    assert harmful.metrics["demographic_parity_difference"].value == pytest.approx(0.05)
    assert helpful.metrics["demographic_parity_difference"].value == pytest.approx(0.05)
    assert harmful.metrics["demographic_parity_ratio"].lowest == "a"
    assert helpful.metrics["demographic_parity_ratio"].lowest == "b"


def test_unknown_and_small_groups_are_shown_and_not_judged() -> None:
    labels, decisions, groups = random_rows(1)
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
    assert found.groups["tiny"].four_fifths is None
    assert found.metrics["demographic_parity_difference"].n == 1200
    assert set(found.reference.comparisons) == {"b", "c"}


def test_groups_stand_in_the_order_of_their_categories() -> None:
    labels, decisions, groups = random_rows(1)
    ordered = pd.Categorical(groups, categories=["c", "a", "none of these", "b"])
    found = assessed(labels, decisions, ordered)
    assert list(found.groups) == ["c", "a", "none of these", "b"]
    assert found.groups["none of these"].why_not == "0 rows are fewer than the minimum group size of 30"
    assert found.groups["none of these"].metrics["accuracy"].undefined == "there are no rows"
    assert found.groups["none of these"].metrics["impact_ratio"].undefined == "there are no rows"


def test_the_minimum_size_is_a_parameter_and_its_boundary_is_judged() -> None:
    labels, decisions, groups = random_rows(2, n=60, groups="ab")
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
    labels, decisions, _ = random_rows(3, n=100)
    scores = random_scores(3, labels)
    found = assessed(labels, decisions, pd.Series(groups, dtype=object), scores=scores)
    assert tuple(found.metrics) == (*COMPARISONS, *SCORE_COMPARISONS)
    assert {measured.undefined for measured in found.metrics.values()} == {reason}
    assert {group.metrics["impact_ratio"].undefined for group in found.groups.values()} == {reason}
    assert {group.metrics["scoring_impact_ratio"].undefined for group in found.groups.values()} == {reason}
    assert not found.reference.comparisons


def test_shares_of_nobody_are_named_and_never_left_out() -> None:
    found = assessed(*rows_of({"a": [30, 0, 10, 0], "b": [10, 5, 10, 15], "c": [10, 0, 20, 0]})).metrics
    assert found["predictive_parity_difference"].undefined == (
        "positive predictive value is undefined for 'a', 'c': no row is predicted positive"
    )
    assert found["treatment_equality_ratio"].undefined == (
        "treatment ratio is undefined for 'a', 'c': no row is a false positive"
    )
    assert found["negative_predictive_parity_difference"].is_defined


def test_counts_alone_give_the_same_assessment_as_rows() -> None:
    labels, decisions, groups = random_rows(4)
    frame = pd.DataFrame({"first": groups, "second": groups[::-1]})
    from_rows = assess_fairness(labels, decisions, frame, "positive", PARAMETERS)
    stored = JointCounts.from_dict(from_rows.joint.to_dict())
    attributes = {"first": ("first",), "second": ("second",)}
    again = assess_joint(stored, attributes, "positive", PARAMETERS)
    assert again.to_dict() == from_rows.to_dict()
    assert CountTable.from_dict(from_rows.counts_to_dict()["first"]) == count(labels, decisions, groups)


def test_an_intersection_is_crossed_from_its_attributes() -> None:
    labels, decisions, groups = random_rows(4)
    other = np.random.default_rng(44).choice(["x", "y"], 600)
    frame = pd.DataFrame({"first": groups, "second": other})
    joined = frame.assign(both=frame["first"] + " × " + frame["second"])
    from_rows = assess_fairness(labels, decisions, joined, "positive", PARAMETERS)
    counted = assess_fairness(labels, decisions, frame, "positive", PARAMETERS).joint
    attributes = {"first": ("first",), "second": ("second",), "both": ("first", "second")}
    assert assess_joint(counted, attributes, "positive", PARAMETERS).to_dict() == from_rows.to_dict()


def test_every_attribute_is_assessed_in_the_order_given_whatever_its_index() -> None:
    labels, decisions, groups = random_rows(5)
    frame = pd.DataFrame({"second": groups, "first": groups[::-1]}, index=np.arange(600)[::-1])
    conditions = pd.DataFrame({"place": np.resize(["n", "s"], 600)}, index=np.arange(600) + 7)
    found = assess_fairness(pd.Series(labels), decisions, frame, "positive", PARAMETERS, conditions=conditions)
    assert list(found.attributes) == ["second", "first"]
    alone = assessed(labels, decisions, groups)
    second = found.attributes["second"]
    assert [one.value for one in second.metrics.values()] == [one.value for one in alone.metrics.values()]
    assert second.individual == alone.individual
    assert second.conditional == assessed(labels, decisions, groups, conditions=conditions).conditional


def test_comparison_shares_make_the_comparison_anew_at_any_confidence() -> None:
    labels, decisions, groups = random_rows(6)
    found = assessed(labels, decisions, groups)
    for name in RATE_COMPARISONS:
        made = comparison_shares(name, found.counts, "positive")
        assert made is not None
        kind, shares = made
        bounded = (largest_gap if kind == "gap" else worst_ratio)(shares, PARAMETERS.confidence)
        assert (bounded.value, bounded.lower, bounded.upper) == (
            found.metrics[name].value,
            found.metrics[name].lower,
            found.metrics[name].upper,
        )


def test_what_is_not_made_of_shares_or_is_undefined_has_no_comparison_shares() -> None:
    table = table_of({"a": [30, 0, 10, 0], "b": [10, 5, 10, 15]})
    for name in (*COMPOSED, "abroca", "base_rate_ratio", "made_up", "predictive_parity_difference"):
        assert comparison_shares(name, table, "positive") is None
    assert comparison_shares("demographic_parity_ratio", table.select(["a"]), "positive") is None
    assert comparison_shares("demographic_parity_ratio", table, "positive") is not None


def test_intervals_name_their_family() -> None:
    found = assessed(*random_rows(6)).metrics
    assert found["equalized_odds_difference"].method == (
        "pairwise Newcombe (MOVER-Wilson) intervals, lower bound widened for the choice among 6 pairs of 2 rates"
    )
    assert found["demographic_parity_ratio"].method == (
        "pairwise MOVER-Wilson ratio intervals, upper bound widened for the choice among 3 pairs"
    )
    assert found["balanced_accuracy_difference"].method == (
        "pairwise MOVER differences of intervals of the mean of TPR and TNR, lower bound Bonferroni over 3 pairs"
    )
    two = assessed(*random_rows(6, groups="ab")).metrics["equal_opportunity_difference"]
    assert two.method == "pairwise Newcombe (MOVER-Wilson) intervals"


def test_simultaneous_intervals_contain_the_single_ones_and_families_state_their_members() -> None:
    labels, decisions, groups = random_rows(6)
    frame = pd.DataFrame({"first": groups, "second": groups[::-1]})
    found = assess_fairness(labels, decisions, frame, "positive", PARAMETERS, scores=random_scores(6, labels))
    attribute = found.attributes["first"]
    measured = [
        *attribute.metrics.values(),
        *(one for group in attribute.groups.values() for one in group.metrics.values()),
        *(one for group in attribute.reference.comparisons.values() for one in group.values()),
    ]
    for one in measured:
        bounds = (one.simultaneous_lower, one.lower, one.value, one.upper, one.simultaneous_upper)
        assert bounds == tuple(sorted(bounds)), one  # type: ignore[type-var]
    families = found.inference_to_dict()["families"]
    # 3 groups × 2 attributes × (10 metrics of counts, 2 of scoring, 2 of scores), complements counted once.
    assert families["group_metrics"]["members"] == 6 * 14
    # 21 comparisons of rates and 8 of compositions, of which four repeat others, and 3 of scores.
    assert families["comparisons"]["members"] == 2 * (29 - 4 + 3)
    assert families["reference_comparisons"] == {"members": 16, "confidence_of_each": 1 - 0.05 / 16}


def test_the_dict_has_comparisons_groups_and_what_stands_beside_them() -> None:
    labels, decisions, groups = random_rows(7)
    content = assessed(labels, decisions, groups, scores=random_scores(7, labels)).to_dict()
    expected = [*COMPARISONS, *SCORE_COMPARISONS, "groups", "reference", "conditional", "individual"]
    assert list(content) == expected
    assert list(content["groups"]["a"])[:3] == ["n", "judged", "base_rate"]
    assert content["groups"]["a"]["base_rate"]["denominator"] == content["groups"]["a"]["n"]
    assert {"roc_auc", "calibration_error", "scoring_rate", "impact_ratio"} <= set(content["groups"]["a"])
    assert content["reference"]["group"] in "abc"
    assert content["conditional"] == {}
    assert list(content["individual"]) == [
        "generalized_entropy",
        "generalized_entropy_between",
        "generalized_entropy_within",
        "theil_index",
    ]


def test_input_that_cannot_be_assessed_is_refused() -> None:
    labels, decisions, groups = random_rows(8, n=10)
    frame = pd.DataFrame({"sex": groups})
    with pytest.raises(DataError, match="decisions: 10 rows of 10 hold neither 0 nor 1"):
        assess_fairness(labels, decisions * 0.5 + 0.25, frame, "positive", PARAMETERS)
    with pytest.raises(DataError, match="labels 10, groups 9"):
        assess_fairness(labels, decisions, frame.iloc[:9], "positive", PARAMETERS)
    with pytest.raises(DataError, match="there is no sensitive attribute"):
        assess_fairness(labels, decisions, frame[[]], "positive", PARAMETERS)
    with pytest.raises(DataError, match="sensitive attributes appear twice: sex"):
        assess_fairness(labels, decisions, pd.concat([frame, frame], axis=1), "positive", PARAMETERS)
    with pytest.raises(DataError, match="groups 10, conditions 9"):
        assess_fairness(labels, decisions, frame, "positive", PARAMETERS, conditions=frame.iloc[:9])
    with pytest.raises(DataError, match="scores: 10 rows of 10 missing, infinite or outside 0 to 1"):
        assess_fairness(labels, decisions, frame, "positive", PARAMETERS, scores=labels + 2.0)
    with pytest.raises(DataError, match="there is no sensitive attribute"):
        assess_joint(
            assess_fairness(labels, decisions, frame, "positive", PARAMETERS).joint, {}, "positive", PARAMETERS
        )
    odd = ModelEvaluation(seed=1, reference_groups={"gender": "f"})
    with pytest.raises(ParameterError, match="reference_groups names gender, which is not among the sensitive"):
        assess_fairness(labels, decisions, frame, "positive", odd)


def test_the_input_stays_unaltered() -> None:
    labels, decisions, groups = random_rows(9)
    frame, conditions = pd.DataFrame({"sex": groups}), pd.DataFrame({"place": groups[::-1]})
    scores = random_scores(9, labels)
    before = labels.tolist(), decisions.tolist(), scores.tolist(), frame.copy(), conditions.copy()
    assess_fairness(labels, decisions, frame, "positive", EVERY_GROUP, scores=scores, conditions=conditions)
    assert (labels.tolist(), decisions.tolist(), scores.tolist()) == before[:3]
    pd.testing.assert_frame_equal(frame, before[3])
    pd.testing.assert_frame_equal(conditions, before[4])
