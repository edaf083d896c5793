import json
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, kruskal

from apps.ml.data.processed import ColumnSchema
from apps.ml.evaluation.explanations.coded_rows import coded_rule
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.evaluation.explanations.ways.counterfactuals import (
    Change,
    Counterfactual,
    CounterfactualFinder,
    counterfactual_finder,
)
from apps.ml.evaluation.explanations.ways.possible_changes import possible_changes
from apps.ml.evaluation.explanations.ways.recourse import median_cost, rank_difference, recourse_of_group
from apps.ml.tests.small_decisions import AGE, COLUMNS, NAMES, SEX, log_odds, people, person, rule

INCOME_ALONE = tuple(replace(column, actionable="increase" if column.name == "income" else "no") for column in COLUMNS)


def finder_of(decided: DecisionRule | None = None, most: int = 3, seed: int = 2) -> CounterfactualFinder:
    return counterfactual_finder(decided or rule(), people(600, seed), (SEX, AGE), most)


def steps(frame: pd.DataFrame) -> FloatArray:
    """A rule in steps, as trees make them, in which columns act together."""
    odds = -1.2 + 0.9 * (frame["income"] > 45) + 0.8 * (frame["debt"] < 15) + 0.5 * (frame["owner"] == 1)
    odds += 0.9 * ((frame["grade"] == "a") & (frame["income"] > 30)) - 0.6 * (frame["noise"] > 1)
    return np.asarray(1 / (1 + np.exp(-odds)))


def after(frame: pd.DataFrame, row: int, way: Counterfactual) -> pd.DataFrame:
    changed = frame.iloc[[row]].copy()
    for change in way.changes:
        changed[change.column] = pd.Series([change.value], index=changed.index, dtype=frame[change.column].dtype)
    return changed


def test_a_single_column_is_moved_to_the_boundary_and_costs_the_distance_in_deviations() -> None:
    decided = rule(columns=INCOME_ALONE)
    reference = people(600, 2)
    income = reference["income"].dropna()
    deviation = 1.4826 * (income - income.median()).abs().median()
    way = counterfactual_finder(decided, reference, (SEX,), 3).find(person(income=30.0))[0]
    assert way is not None
    assert [(one.column, one.direction) for one in way.changes] == [("income", "increase")]
    assert way.changes[0].value == pytest.approx(50.0, abs=0.02)
    assert way.cost == pytest.approx(20 / deviation, rel=1e-3)


def test_someone_who_is_decided_favourably_needs_no_change() -> None:
    assert finder_of().find(person(income=90.0)) == [Counterfactual((), 0.0)]


def test_none_found_is_an_answer() -> None:
    hopeless = rule(lambda frame: np.full(len(frame), 0.1))
    assert finder_of(hopeless).find(people(5)) == [None] * 5
    nothing_to_do = rule(columns=tuple(ColumnSchema(one.name, one.kind, actionable="no") for one in COLUMNS))
    finder = finder_of(nothing_to_do)
    assert finder.actionable == ()
    assert finder.find(person(income=30.0)) == [None]


def test_no_rows_have_no_counterfactuals() -> None:
    assert finder_of().find(people(5).head(0)) == []


def best_on_the_grid(decided: DecisionRule, frame: pd.DataFrame, most: int) -> float:
    """The cheapest combination of grid values, by trying every one of them."""
    coded = coded_rule(decided, [people(600, 2), frame])
    changes = possible_changes(coded, coded.codes(people(600, 2)), (SEX, AGE))
    before = coded.codes(frame)[0]
    options = []
    for position in range(len(NAMES)):
        reached = changes.values[position] if changes.direction[position] else np.empty(0)
        column = np.full(len(reached), position)
        allowed = changes.allows(np.full(len(reached), before[position]), reached, column)
        options.append([before[position], *reached[allowed]])
    tried = np.array(list(product(*options)))
    changed = (tried != before) & ~(np.isnan(tried) & np.isnan(before))
    tried = tried[changed.sum(axis=1) <= most]
    cost = changes.cost(np.broadcast_to(before, tried.shape), tried).sum(axis=1)
    good = coded.favourable(coded.scores(tried))
    return float(cost[good].min()) if good.any() else float("inf")


@pytest.mark.parametrize("most", [1, 2, 3])
def test_what_is_found_costs_no_more_than_the_best_of_all_combinations_on_the_grid(most: int) -> None:
    decided = rule(steps, threshold=0.6)
    frame = people(40, 7)
    frame = frame[~decided.is_favourable(frame)].reset_index(drop=True).head(6)
    found = finder_of(decided, most).find(frame)
    for row, way in enumerate(found):
        best = best_on_the_grid(decided, frame.iloc[[row]], most)
        assert (way is None) == np.isinf(best)
        assert way is None or way.cost <= best + 1e-9


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["positive", "negative"]), st.integers(1, 4), st.floats(0.3, 0.8))
def test_every_counterfactual_is_decided_favourably_and_changes_only_what_the_person_can(
    seed: int, favourable: str, most: int, threshold: float
) -> None:
    decided = rule(steps, favourable, threshold)  # type: ignore[arg-type]
    frame = people(30, seed)
    columns = {column.name: column for column in COLUMNS}
    for row, way in enumerate(finder_of(decided, most).find(frame)):
        if way is None or not way.changes:
            continue
        assert decided.is_favourable(after(frame, row, way)).all()
        assert len({change.column for change in way.changes}) == len(way.changes) <= most
        for change in way.changes:
            column, old = columns[change.column], frame[change.column].iloc[row]
            assert column.actionable != "no"
            assert not column.sensitive
            assert not pd.isna(old)
            if column.kind == "categorical":
                assert column.categories.index(str(change.value)) > column.categories.index(old)
                continue
            value = float(change.value)
            assert value > old if column.actionable == "increase" else True
            assert value < old if column.actionable == "decrease" else True
            assert column.minimum is None or value >= column.minimum
            assert column.maximum is None or value <= column.maximum
            assert value == int(value) if column.integer else True
        assert way.cost == pytest.approx(sum(change.deviations for change in way.changes))


def test_a_change_that_is_not_needed_is_put_back_and_the_needed_one_is_the_smallest() -> None:
    decided = rule(steps, threshold=0.42)
    frame = person(income=40.0, grade="c", debt=30.0)
    way = finder_of(decided).find(frame)[0]
    assert way is not None
    assert len(way.changes) == 1
    assert not any(
        decided.is_favourable(frame.assign(income=income)).all()
        for income in np.linspace(40, float(way.changes[0].value) - 0.1, 20)
        if way.changes[0].column == "income"
    )


def test_columns_of_an_attribute_are_never_changed_though_they_are_declared_changeable() -> None:
    free = tuple(ColumnSchema(one.name, one.kind, categories=one.categories) for one in COLUMNS)
    decided = rule(columns=free)
    finder = counterfactual_finder(decided, people(600, 2), (SEX, AGE), 3)
    assert set(finder.actionable) == {"income", "debt", "owner", "grade", "district", "noise"}


def test_a_column_without_spread_or_with_a_rare_other_value_has_a_unit_or_is_left_alone() -> None:
    reference = people(100, 2).assign(noise=1.0, debt=np.r_[np.zeros(90), np.full(10, 50.0)])
    coded = coded_rule(rule(), [reference])
    changes = possible_changes(coded, coded.codes(reference), ())
    by_name = dict(zip(NAMES, range(len(NAMES)), strict=True))
    assert changes.direction[by_name["noise"]] == 0
    assert changes.deviation[by_name["debt"]] == pytest.approx(15.0)
    assert np.isnan(changes.deviation[by_name["owner"]])


def test_the_same_rows_give_the_same_counterfactuals_alone_and_among_others() -> None:
    frame, finder = people(25, 3), finder_of(rule(steps, threshold=0.6))
    together = finder.find(frame)
    assert finder.find(frame) == together
    assert [finder.find(frame.iloc[[row]])[0] for row in range(25)] == together


def test_the_json_form_holds_column_direction_and_size_but_no_value() -> None:
    frame = people(40, 5)
    ways = [way for way in finder_of().find(frame) if way is not None and way.changes]
    assert ways
    for way in ways:
        content = way.to_dict()
        assert set(content) == {"cost", "changes"}
        assert all(set(change) == {"column", "direction", "deviations"} for change in content["changes"])
        json.dumps(content, allow_nan=False)
    boolean = Change("owner", "change", 1.0, 1.0)
    assert boolean.to_dict() == {"column": "owner", "direction": "change", "deviations": 1.0}


def test_the_frame_that_is_handed_in_stays_as_it_is() -> None:
    frame = people(20, 5)
    before = frame.copy()
    finder_of().find(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_the_cheapest_way_of_a_linear_rule_is_found_within_the_refinement() -> None:
    """For a linear rule and numeric columns the cheapest way changes the column with the best price alone."""
    numeric = tuple(
        ColumnSchema(one.name, one.kind, categories=one.categories, actionable=one.actionable)
        if one.name in ("income", "debt")
        else ColumnSchema(one.name, one.kind, categories=one.categories, actionable="no")
        for one in COLUMNS
    )
    reference = people(600, 2, missing=False)
    unit = {name: 1.4826 * (reference[name] - reference[name].median()).abs().median() for name in ("income", "debt")}
    price = min(1 / (0.04 * unit["income"]), 1 / (0.03 * unit["debt"]))
    frame = person(income=45.0, debt=40.0)
    way = counterfactual_finder(rule(columns=numeric), reference, (), 2).find(frame)[0]
    assert way is not None
    assert way.cost == pytest.approx(-log_odds(frame)[0] * price, rel=0.01)


def test_the_median_counts_rows_without_a_way_as_dearest() -> None:
    assert median_cost(np.array([3.0, 1.0, 2.0]), 0.95).value == 2.0
    assert median_cost(np.array([1.0, 2.0, 4.0, np.inf]), 0.95).value == 3.0
    assert median_cost(np.array([1.0, np.inf]), 0.95).undefined == "no way was found for half of the rows or more"
    assert median_cost(np.array([]), 0.95).undefined == "no row was sampled"
    assert median_cost(np.array([1.0, 2.0, 4.0]), 0.95).lower is None


def test_the_interval_of_the_median_is_the_narrowest_pair_of_ordered_costs_that_holds() -> None:
    costs = np.arange(1.0, 31.0)
    found = median_cost(costs, 0.95)
    assert (found.lower, found.upper) == (10.0, 21.0)
    assert 1 - 2 * binom.cdf(9, 30, 0.5) >= 0.95 > 1 - 2 * binom.cdf(10, 30, 0.5)
    open_above = median_cost(np.where(costs > 20, np.inf, costs), 0.95)
    assert (open_above.value, open_above.lower, open_above.upper) == (15.5, 10.0, None)
    assert "without an upper bound" in str(open_above.method)


def test_the_interval_of_the_median_covers_it() -> None:
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        found = median_cost(random.exponential(size=25), 0.9)
        assert found.lower is not None
        assert found.upper is not None
        covered += found.lower <= np.log(2) <= found.upper
    assert covered / 400 >= 0.88


def test_a_group_is_told_with_its_rows_median_and_share_without_a_way() -> None:
    found = recourse_of_group(np.array([1.0, 2.0, np.inf, 1.5]), 0.95)
    assert found["n"] == 4
    assert found["none_found"]["value"] == 0.25
    assert found["median_cost"]["value"] == 1.75


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_the_test_of_equal_costs_agrees_with_kruskal_and_wallis(seed: int) -> None:
    random = np.random.default_rng(seed)
    group = np.repeat([0, 1, 2], 30)
    costs = random.exponential(size=90) + 0.4 * (group == 1) * random.integers(0, 2)
    found = rank_difference(costs, group, 400, 1)
    assert found["p_value"] == pytest.approx(kruskal(*(costs[group == one] for one in range(3))).pvalue, abs=0.1)


def test_rows_without_a_way_weigh_in_the_test_of_equal_costs() -> None:
    costs = np.r_[np.ones(30), np.full(30, np.inf)]
    assert rank_difference(costs, np.repeat([0, 1], 30), 200, 1)["p_value"] < 0.01
    assert rank_difference(np.full(60, np.inf), np.repeat([0, 1], 30), 200, 1)["p_value"] == 1.0
    assert rank_difference(np.ones(30), np.zeros(30, dtype=np.int64), 200, 1)["undefined"]
