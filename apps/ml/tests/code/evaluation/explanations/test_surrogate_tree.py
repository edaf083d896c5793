import json

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from apps.ml.data.processed import ColumnSchema
from apps.ml.evaluation.explanations.effects_of_columns.surrogate_tree import SurrogateTree, surrogate_tree
from apps.ml.evaluation.explanations.effects_of_columns.tree_rules import (
    Condition,
    Rule,
    decide_by,
    rules_of,
    tree_features,
    tree_matrix,
)
from apps.ml.parameters import ModelEvaluation
from apps.ml.tests.made_up_rules import COLUMNS, PARAMETERS, Score, groups_of, people, rule_of


def imitated(score: Score, frame: pd.DataFrame, depth: int = 3) -> SurrogateTree:
    explanations = PARAMETERS.explanations.model_copy(update={"surrogate_depth": depth})
    parameters = PARAMETERS.model_copy(update={"explanations": explanations})
    return surrogate_tree(rule_of(score), frame, groups_of(len(frame)), parameters)


def rich_or_northern(frame: pd.DataFrame) -> np.ndarray:
    north = (frame["region"] == "north").fillna(False)
    return np.asarray(north | (frame["income"] > 60_000), dtype=np.float64)


def test_two_simple_rules_are_found_and_said_in_words() -> None:
    found = imitated(rich_or_northern, people(800), depth=2)
    said = {tuple(one.words for one in measured.rule.conditions): measured for measured in found.rules}
    assert ("region is “north”",) in said
    poor = next(words for words in said if len(words) == 2 and said[words].rule.decision == 0)
    assert poor[0] == "region is not “north”"
    assert poor[1].startswith("income at most ")
    limit = float(poor[1].removeprefix("income at most ").removesuffix(", or missing").replace(",", ""))
    assert limit == pytest.approx(60_000, rel=0.03)
    assert limit % 100 == 0
    assert found.fidelity.value == pytest.approx(1, abs=0.02)
    assert said["region is “north”",].positive.value == 1


def test_fidelity_is_measured_on_the_other_half_of_the_rules_as_written() -> None:
    frame = people(400)
    found = imitated(rich_or_northern, frame)
    assert (found.rows_fitted, found.rows_measured) == (200, 200)
    assert found.fidelity.n == found.constant.n == 200
    assert sum(one.share_of_rows for one in found.rules) == pytest.approx(1)
    assert sum(one.positive.n for one in found.rules) == 200
    correct = sum(
        (one.positive.numerator or 0) if one.rule.decision else one.positive.n - (one.positive.numerator or 0)
        for one in found.rules
    )
    assert found.fidelity.numerator == correct
    assert found.fidelity.lower is not None
    assert found.fidelity.value is not None
    assert found.fidelity.lower < found.fidelity.value


def test_every_row_fulfils_exactly_one_rule_and_gets_the_decision_of_the_tree() -> None:
    frame = people(600, seed=8)
    generator = np.random.default_rng(0)
    decisions = (generator.random(600) < 0.3 + 0.4 * rich_or_northern(frame)).astype(np.int8)
    features = tree_features(frame, COLUMNS, 20)
    matrix = tree_matrix(frame, features)
    tree = DecisionTreeClassifier(max_depth=6, min_samples_leaf=10, random_state=0).fit(matrix, decisions)
    rules = rules_of(tree.tree_, features)
    fulfilled = np.sum([rule.holds(frame) for rule in rules], axis=0)
    assert (fulfilled == 1).all()
    # Rounded limits may move rows that lie next to them.
    assert np.mean(decide_by(rules, frame) == tree.predict(matrix)) > 0.99
    assert any(one.missing for rule in rules for one in rule.conditions)


def test_leaves_of_one_branch_that_decide_alike_become_one_rule() -> None:
    frame = people(400, missing=False)
    found = imitated(lambda rows: np.asarray(rows["debt"] > 0, dtype=np.float64), frame, depth=8)
    assert [[one.words for one in measured.rule.conditions] for measured in found.rules] == [
        [found.rules[0].rule.conditions[0].words],
        [found.rules[1].rule.conditions[0].words],
    ]
    assert [measured.rule.decision for measured in found.rules] == [0, 1]


def test_conditions_hold_or_not_and_say_what_a_missing_value_does() -> None:
    income = pd.Series([1000.0, 2000.0, np.nan])
    low, high = Condition("income", "at most", 1500.0, True), Condition("income", "above", 1500.0, False)
    assert low.holds(income).tolist() == [True, False, True]
    assert high.holds(income).tolist() == [False, True, False]
    assert (low.words, high.words) == ("income at most 1,500, or missing", "income above 1,500")
    region = pd.Series(["north", "south", None], dtype="str")
    assert Condition("region", "is", "north", False).holds(region).tolist() == [True, False, False]
    assert Condition("region", "is not", "north", True).holds(region).tolist() == [False, True, True]
    assert Condition("region", "is", None, True).holds(region).tolist() == [False, False, True]
    assert Condition("region", "is not", None, False).words == "region is not missing"
    flag = pd.Series([1.0, 0.0, np.nan])
    assert Condition("member", "is", True, False).holds(flag).tolist() == [True, False, False]
    assert Condition("member", "is", False, True).holds(flag).tolist() == [False, True, True]
    assert Condition("member", "is", False, True).words == "member is false, or missing"
    assert Rule((), 1).holds(pd.DataFrame({"a": [1, 2]})).tolist() == [True, True]


def test_a_stricter_condition_replaces_a_weaker_one_on_the_same_column() -> None:
    columns = (ColumnSchema("x", "numeric"),)
    frame = pd.DataFrame({"x": np.arange(200.0)})
    decisions = (frame["x"].to_numpy() % 50 < 25).astype(np.int8)
    features = tree_features(frame, columns, 5)
    tree = DecisionTreeClassifier(max_depth=8, min_samples_leaf=5, random_state=0)
    rules = rules_of(tree.fit(tree_matrix(frame, features), decisions).tree_, features)
    assert max(len(rule.conditions) for rule in rules) == 2
    assert np.mean(decide_by(rules, frame) == decisions) > 0.95


def test_whole_numbers_have_whole_limits() -> None:
    columns = (ColumnSchema("children", "numeric", integer=True),)
    frame = pd.DataFrame({"children": np.arange(100.0) % 5})
    features = tree_features(frame, columns, 5)
    tree = DecisionTreeClassifier(max_depth=1).fit(tree_matrix(frame, features), frame["children"] > 2)
    rules = rules_of(tree.tree_, features)
    assert [rule.conditions[0].words for rule in rules] == ["children at most 2", "children above 2"]


def test_fidelity_by_group_leaves_small_groups_undefined() -> None:
    found = imitated(rich_or_northern, people(400))
    assert set(found.fidelity_by_group) == {"sex", "place"}
    assert "unknown" not in found.fidelity_by_group["sex"]
    island = found.fidelity_by_group["place"]["island"]
    assert island.undefined is not None
    assert "minimum group size of 30" in island.undefined
    assert found.fidelity_by_group["sex"]["men"].value is not None


def test_decisions_that_never_differ_and_few_rows_have_no_tree() -> None:
    same = imitated(lambda rows: np.ones(len(rows)), people(200))
    assert same.undefined == "all rows the tree would be fitted on are decided alike"
    assert same.fidelity.undefined == same.constant.undefined == same.undefined
    few = imitated(rich_or_northern, people(80))
    assert few.undefined == "40 rows to fit a tree are fewer than two leaves of 30 rows need"
    assert set(few.to_dict()) == {"rows_fitted", "rows_measured", "fidelity", "constant", "undefined"}


def test_a_rule_of_chance_cannot_be_imitated_better_than_by_the_constant_rule() -> None:
    def noise(frame: pd.DataFrame) -> np.ndarray:
        above: np.ndarray = np.sin(frame["debt"].to_numpy() * 1e4) > 0.3
        return above.astype(np.float64)

    found = imitated(noise, people(600))
    assert found.fidelity.lower is not None
    assert found.constant.value is not None
    assert found.fidelity.lower < found.constant.value


def test_the_same_seed_gives_the_same_tree_and_no_persons_value() -> None:
    frame = people(400)
    found = imitated(rich_or_northern, frame)
    assert imitated(rich_or_northern, frame) == found
    other = surrogate_tree(
        rule_of(rich_or_northern), frame, groups_of(400), ModelEvaluation.model_validate({"seed": 9})
    )
    assert other.fidelity != found.fidelity or other.rules != found.rules
    json.dumps(found.to_dict(), allow_nan=False)
    limits = [c.value for one in found.rules for c in one.rule.conditions if isinstance(c.value, float)]
    assert limits
    assert not any(limit % 100 for limit in limits)
