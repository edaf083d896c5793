import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from apps.ml.errors import DataError
from apps.ml.evaluation.explanations.behaviour import Behaviour, BehaviourRows, explain_behaviour
from apps.ml.evaluation.explanations.contributions.shap_values import Contributions
from apps.ml.parameters import ModelEvaluation
from apps.ml.tests.made_up_rules import COLUMNS, additive, groups_of, labels_of, people, rule_of

PARAMETERS = ModelEvaluation.model_validate(
    {"seed": 4, "explanations": {"permutation_repeats": 2, "effect_columns": 2, "ice_rows": 5, "top_features": 3}}
)
ROWS = 300
POSITIONS = np.arange(0, ROWS, 2)


def rows() -> BehaviourRows:
    frame = people(ROWS)
    return BehaviourRows(frame, labels_of(frame), groups_of(ROWS), POSITIONS, np.arange(ROWS) + 5000)


def contributions(reason: str | None = None) -> Contributions:
    """Of the additive score, on the scale of probabilities."""
    frame = people(ROWS).iloc[POSITIONS]
    names = tuple(column.name for column in COLUMNS)
    income = 0.004 * (frame["income"].fillna(50_000) - 50_000) / 1000
    north = 0.1 * (frame["region"] == "north").fillna(False)
    values = np.column_stack([income, -0.05 * frame["debt"], north, np.zeros(len(frame))]).astype(np.float64)
    base = np.full(len(frame), 0.3 + 0.2)
    np.testing.assert_allclose(values.sum(axis=1) + base, additive(frame))
    return Contributions("by hand", "probability", names, values, base, undefined=reason)


def behaviour(given: BehaviourRows | None = None, reason: str | None = None) -> Behaviour:
    return explain_behaviour(rule_of(), given or rows(), contributions(reason), PARAMETERS)


def test_the_section_has_five_parts_and_is_plain_json() -> None:
    content = behaviour().to_dict()
    assert list(content) == ["permutation", "effects", "surrogate", "importance_by_group", "gap_shares"]
    assert content["gap_shares"]["output"] == content["importance_by_group"]["output"] == "probability"
    assert set(content["gap_shares"]["attributes"]) == {"sex", "place"}
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_effects_are_those_of_the_columns_with_the_largest_contributions() -> None:
    found = contributions()
    sizes = dict(zip(found.columns, np.abs(found.values).mean(axis=0), strict=True))
    assert list(behaviour().effects.columns) == sorted(sizes, key=lambda name: -sizes[name])[:2]


def test_without_contributions_the_columns_that_flip_most_decisions_lead_and_groups_are_undefined() -> None:
    found = behaviour(reason="they do not add up")
    flips = {name: one.flipped.value or 0 for name, one in found.permutation.columns.items()}
    assert list(found.effects.columns) == sorted(flips, key=lambda name: -flips[name])[:2]
    gaps = found.to_dict()["gap_shares"]["attributes"]
    assert gaps == {name: {"undefined": "they do not add up"} for name in ("sex", "place")}


def test_behaviour_is_the_same_twice_and_leaves_the_rows_as_they_were() -> None:
    given = rows()
    before = given.frame.copy(deep=True), given.groups.copy(deep=True)
    assert behaviour(given).to_dict() == behaviour(given).to_dict()
    pd.testing.assert_frame_equal(given.frame, before[0])
    pd.testing.assert_frame_equal(given.groups, before[1])


def test_order_of_columns_further_columns_and_the_index_do_not_matter() -> None:
    given = rows()
    turned = given.frame[given.frame.columns[::-1]].assign(further=1.0)
    turned.index = pd.Index(np.arange(ROWS)[::-1])
    other = replace(given, frame=turned, groups=given.groups.set_index(pd.Index(np.arange(ROWS) + 9)))
    assert behaviour(other).to_dict() == behaviour(given).to_dict()


def test_individual_curves_carry_the_numbers_of_the_source() -> None:
    assert all(5000 <= row < 5300 for row in behaviour().effects.ice_rows)
    assert all(row < 300 for row in behaviour(replace(rows(), rows=None)).effects.ice_rows)


def test_no_persons_value_is_in_the_section() -> None:
    text = json.dumps(behaviour().to_dict())
    for value in rows().frame["income"].dropna():
        assert value % 1000 == 0 or f" {value:.0f}" not in text
        assert f"{value:,.0f}" not in text or value % 100 == 0


def test_rows_that_do_not_fit_are_refused_without_naming_values() -> None:
    given = rows()
    with pytest.raises(DataError, match="lack the columns debt"):
        behaviour(replace(given, frame=given.frame.drop(columns="debt")))
    with pytest.raises(DataError, match="labels"):
        behaviour(replace(given, labels=given.labels[:-1]))
    with pytest.raises(DataError, match="neither 0 nor 1"):
        behaviour(replace(given, labels=given.labels + 1))
    with pytest.raises(DataError, match="150 positions among 300 rows"):
        behaviour(replace(given, positions=POSITIONS + 10))
    with pytest.raises(DataError, match="do not fit the contributions of 150 rows"):
        behaviour(replace(given, positions=POSITIONS[:-1]))
