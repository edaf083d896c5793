"""Metrics of single groups: rates, impact and treatment ratios, balanced accuracy, scoring rates, what scores show."""

import numpy as np
import pandas as pd
import pytest

from apps.ml.evaluation.fairness.group_metrics import impact_ratios, measure_groups
from apps.ml.evaluation.fairness.levels import Levels
from apps.ml.evaluation.fairness.scoring import count_above_median, median_score
from apps.ml.evaluation.performance import balanced_accuracy
from apps.ml.evaluation.statistics.counting.joint_counts import count_jointly
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.scores.calibration import calibration_error_by_group
from apps.ml.evaluation.statistics.scores.group_ranking import abroca, roc_auc_by_group
from apps.ml.evaluation.statistics.shares.intervals import wilson
from apps.ml.evaluation.statistics.shares.rates import RATES, measure_rate
from apps.ml.tests.fairness_rows import EVERY_GROUP, PARAMETERS, assessed, random_rows, random_scores, rows_of, table_of

LEVELS = Levels(0.95, 0.999)
SELECTED = RATES["selection_rate"]


def selection(**selected: tuple[int, int]) -> dict[str, list[int]]:
    """Blocks of groups with (selected, rows)."""
    return {name: [rows - chosen, chosen, 0, 0] for name, (chosen, rows) in selected.items()}


def ratios(counts: dict[str, list[int]], judged: list[bool] | None = None) -> dict[str, Measurement]:
    table = table_of(counts)
    found = impact_ratios(table, SELECTED, judged or [True] * len(counts), LEVELS)
    return dict(zip(table.groups, found, strict=True))


def test_impact_ratios_divide_by_the_most_selected_group() -> None:
    found = ratios(selection(a=(50, 100), b=(40, 100), c=(20, 80)))
    assert [one.value for one in found.values()] == [1.0, pytest.approx(0.8), pytest.approx(0.5)]
    assert {one.n for one in found.values()} == {280}
    assert found["c"].upper < 1.0  # type: ignore[operator]
    # The group that looks most selected may not be: its true ratio may be below 1.
    assert found["a"].lower < 1.0  # type: ignore[operator]
    assert found["a"].upper == 1.0


def test_a_group_that_is_not_judged_is_no_denominator_and_may_exceed_one() -> None:
    counts = selection(a=(50, 100), b=(40, 100), tiny=(9, 10))
    found = ratios(counts, [True, True, False])
    assert found["b"].value == pytest.approx(0.8)
    assert found["tiny"].value == pytest.approx(1.8)
    assert found["tiny"].upper > 1.8  # type: ignore[operator]
    assert found["tiny"].n == 210


@pytest.mark.parametrize("judged", [[True, False], [False, False]])
def test_impact_ratios_of_fewer_than_two_judged_groups_are_undefined(judged: list[bool]) -> None:
    found = ratios(selection(a=(50, 100), b=(40, 100)), judged)
    assert all("at least two judged groups" in str(one.undefined) for one in found.values())


def test_impact_ratios_of_nobody_selected_are_undefined() -> None:
    found = ratios(selection(a=(0, 100), b=(0, 100)))
    assert {one.undefined for one in found.values()} == {
        "favourable rate is 0 in every judged group, so the ratio is 0 / 0"
    }


@pytest.mark.parametrize("rates", [(0.3, 0.3, 0.3, 0.3), (0.5, 0.4, 0.4), (0.6, 0.5), (0.2, 0.5, 0.45, 0.5)])
def test_bounds_of_impact_ratios_cover_though_the_highest_group_is_not_known(rates: tuple[float, ...]) -> None:
    generator = np.random.default_rng(0)
    true = np.array(rates) / max(rates)
    covered = np.zeros(len(rates))
    draws = 400
    for chosen in generator.binomial(200, rates, size=(draws, len(rates))):
        table = table_of(selection(**{f"g{at}": (int(x), 200) for at, x in enumerate(chosen)}))
        found = impact_ratios(table, SELECTED, [True] * len(rates), LEVELS)
        covered += [one.lower <= value <= one.upper for one, value in zip(found, true, strict=True)]
    assert covered.min() / draws >= 0.925


def test_a_treatment_ratio_is_the_odds_of_misses_among_errors() -> None:
    found = measure_groups(table_of({"a": [5, 10, 20, 5]}), [True], "positive", LEVELS)["treatment_ratio"][0]
    assert (found.value, found.numerator, found.denominator, found.n) == (2.0, 20, 10, 30)
    share = wilson(20, 30, 0.95)
    assert found.lower == pytest.approx(float(share.lower / (1 - share.lower)))
    assert found.upper == pytest.approx(float(share.upper / (1 - share.upper)))


def test_a_treatment_ratio_without_false_positives_is_undefined() -> None:
    found = measure_groups(table_of({"a": [5, 0, 20, 5], "b": [5, 3, 0, 5]}), [True, True], "positive", LEVELS)
    assert found["treatment_ratio"][0].undefined == "no row is a false positive"
    assert found["treatment_ratio"][1].value == 0.0


def test_balanced_accuracies_of_groups_are_those_of_their_rows_alone() -> None:
    table = table_of({"a": [40, 10, 20, 30], "b": [30, 0, 0, 7], "c": [9, 3, 0, 0]})
    found = measure_groups(table, [True] * 3, "positive", LEVELS)["balanced_accuracy"]
    for name, one in list(zip(table.groups, found, strict=True))[:2]:
        expected = balanced_accuracy(table.of(name), 0.95)
        assert one.n == expected.n
        numbers = [expected.value, expected.lower, expected.upper]
        assert [one.value, one.lower, one.upper] == pytest.approx(numbers)
    assert found[2].undefined == "balanced accuracy needs rows of both classes"


def test_rates_of_groups_are_those_measured_one_by_one() -> None:
    table = table_of({"a": [40, 10, 20, 30], "b": [30, 0, 0, 7], "c": [9, 0, 0, 0], "none": [0, 0, 0, 0]})
    found = measure_groups(table, [True] * 4, "positive", LEVELS)
    for name, rate in RATES.items():
        for at, group in enumerate(table.groups):
            one, expected = found[name][at], measure_rate(table.of(group), rate, 0.95)
            assert (one.value, one.n, one.undefined) == (expected.value, expected.n, expected.undefined)
            assert (one.numerator, one.denominator) == (expected.numerator, expected.denominator)
            assert [one.lower, one.upper] == pytest.approx([expected.lower, expected.upper])


def test_the_median_is_that_of_all_rows_and_a_score_at_it_is_not_above() -> None:
    assert median_score(np.array([0.5, 0.1, 0.9])) == 0.5
    scores = np.array([0.1, 0.4, 0.4, 0.4, 0.8, 0.9])
    groups = pd.DataFrame({"sex": ["f", "f", "f", "m", "m", None]})
    found = count_above_median(scores, groups).table("sex")
    # The unknown row counts for the median and has a scoring rate of its own.
    assert found.groups == ("f", "m", "unknown")
    assert found.counts[:, 0].tolist() == [[3, 0], [1, 1], [0, 1]]


@pytest.mark.parametrize("n", [1, 2, 7, 50, 51])
def test_rows_above_the_lower_median_are_those_above_the_median(n: int) -> None:
    scores = np.random.default_rng(n).integers(0, 20, n) / 20
    assert ((scores > median_score(scores)) == (scores > np.median(scores))).all()


def test_scoring_rates_and_their_impact_ratios_come_with_scores() -> None:
    labels, decisions, groups = random_rows(3)
    scores = random_scores(3, labels)
    above = scores > np.median(scores)
    found = assessed(labels, decisions, groups, scores=scores)
    rates = {name: above[groups == name].mean() for name in "abc"}
    for name, rate in rates.items():
        metrics = found.groups[name].metrics
        assert metrics["scoring_rate"].value == pytest.approx(rate)
        assert metrics["scoring_rate"].denominator == (groups == name).sum()
        assert metrics["scoring_impact_ratio"].value == pytest.approx(rate / max(rates.values()))
    assert "scoring_rate" not in assessed(labels, decisions, groups).groups["a"].metrics


def test_a_high_score_is_no_advantage_where_the_positive_event_is_unfavourable() -> None:
    labels, decisions, groups = random_rows(3)
    scores = random_scores(3, labels)
    found = assessed(labels, decisions, groups, "negative", scores=scores).groups["a"].metrics
    assert found["scoring_rate"].value == pytest.approx((scores > np.median(scores))[groups == "a"].mean())
    assert found["scoring_impact_ratio"].undefined == (
        "a high score is unfavourable here; the impact ratio speaks of favourable decisions"
    )


def test_ranking_and_calibration_come_from_the_score_table() -> None:
    labels, decisions, groups = random_rows(3)
    scores = random_scores(3, labels)
    found = assessed(labels, decisions, groups, scores=scores)
    table = count_jointly(decisions, pd.DataFrame({"g": groups}), labels, scores).scores("g")
    areas = roc_auc_by_group(table, 0.95)
    errors = calibration_error_by_group(table, 10, 0.95, 100, 1)
    for name, group in found.groups.items():
        assert group.metrics["roc_auc"].value == areas[name].value
        assert group.metrics["roc_auc"].upper == areas[name].upper
        assert group.metrics["calibration_error"].value == errors[name].value
    values = [areas[name].value for name in "abc"]
    gap = found.metrics["roc_auc_difference"]
    assert gap.value == pytest.approx(max(values) - min(values))  # type: ignore[type-var, operator]
    assert found.metrics["abroca"].value == abroca(table, 0.95, 100, 1).value
    assert found.metrics["abroca"].value >= gap.value  # type: ignore[operator]


def test_scores_of_a_group_of_one_class_leave_the_comparison_of_rankings_undefined() -> None:
    labels, decisions, groups = rows_of({"a": [20, 0, 0, 20], "b": [40, 0, 0, 0]})
    found = assessed(labels, decisions, groups, parameters=EVERY_GROUP, scores=random_scores(0, labels))
    assert found.groups["b"].metrics["roc_auc"].undefined
    assert "'b'" in str(found.metrics["roc_auc_difference"].undefined)
    assert "'b'" in str(found.metrics["abroca"].undefined)
    assert found.metrics["calibration_error_difference"].is_defined


def test_what_scores_add_is_judged_on_the_judged_groups_alone() -> None:
    labels, decisions, groups = random_rows(3)
    groups = groups.astype(object)
    groups[:10] = "tiny"
    found = assessed(labels, decisions, groups, parameters=PARAMETERS, scores=random_scores(3, labels))
    assert not found.groups["tiny"].judged
    assert found.metrics["roc_auc_difference"].n == 590
    assert {found.metrics["abroca"].lowest, found.metrics["abroca"].highest} <= set("abc")
