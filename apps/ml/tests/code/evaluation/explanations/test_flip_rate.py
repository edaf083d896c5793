import numpy as np
import pandas as pd
import pytest

from apps.ml.data.processed import GROUP, AttributeSchema, ColumnSchema
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.flip_rate import BY_CONSTRUCTION, MOST_ROWS, flip_rates
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.tests.small_decisions import AGE, COLUMNS, REGION, SEX, people, rule, score


def groups_of(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sex": frame["sex"].to_numpy(),
            "age": np.where(frame["age"] < 40, "<40", ">=40"),
            "region": np.where(np.arange(len(frame)) % 2, "north", "south"),
        }
    )


def rates(frame: pd.DataFrame, *attributes: AttributeSchema) -> dict[str, Measurement]:
    return flip_rates(rule(), frame, groups_of(frame), attributes, 0.95, 1)


def test_the_rate_is_the_share_of_rows_that_the_other_sex_would_decide_otherwise() -> None:
    frame = people(500, 1)
    swapped = frame.assign(sex=frame["sex"].map({"f": "m", "m": "f"}).astype("str"))
    expected = np.mean((score(frame) >= 0.5) != (score(swapped) >= 0.5))
    found = rates(frame, SEX)["sex"]
    assert found.value == pytest.approx(expected)
    assert expected > 0.05
    assert found.n == 500
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < expected < found.upper
    assert "at least one other group" in str(found.method)


def test_an_attribute_whose_columns_are_no_input_has_rate_zero_by_construction_and_says_so() -> None:
    found = rates(people(50), REGION)["region"]
    assert (found.value, found.lower, found.upper, found.numerator, found.denominator) == (0.0, 0.0, 0.0, 0, 50)
    assert found.method == BY_CONSTRUCTION


def test_a_rule_that_takes_the_column_and_makes_nothing_of_it_has_rate_zero_that_was_measured() -> None:
    frame = people(100)
    blind = rule(lambda rows: np.where(rows["income"] > 40, 0.9, 0.1))
    found = flip_rates(blind, frame, groups_of(frame), (SEX,), 0.95, 1)["sex"]
    assert found.value == 0.0
    assert found.upper is not None
    assert found.upper > 0
    assert found.method != BY_CONSTRUCTION


def test_bands_are_swapped_by_the_median_of_the_other_band() -> None:
    frame = people(300, 4)
    young = frame["age"] < 40
    other = np.where(young, frame["age"][~young].quantile(0.5, "lower"), frame["age"][young].quantile(0.5, "lower"))
    expected = np.mean((score(frame) >= 0.5) != (score(frame.assign(age=other)) >= 0.5))
    assert rates(frame, AGE)["age"].value == pytest.approx(expected)


def test_a_row_counts_once_if_any_of_several_groups_changes_its_decision() -> None:
    columns = (ColumnSchema("ward", "categorical", categories=("x", "y", "z")),)
    decided = rule(lambda rows: np.where(rows["ward"] == "z", 0.9, 0.1), columns=columns)
    frame = pd.DataFrame({"ward": pd.Series(["x", "y", "z", "z"], dtype="str")})
    found = flip_rates(decided, frame, frame, (AttributeSchema("ward", ("ward",), ("x", "y", "z")),), 0.95, 1)
    assert (found["ward"].numerator, found["ward"].value) == (4, 1.0)


def test_intersections_swap_every_column_that_is_an_input() -> None:
    frame = people(400, 6)
    both = AttributeSchema("sex_age", ("sex", "age"), ())
    groups = groups_of(frame)
    groups["sex_age"] = groups["sex"] + " × " + groups["age"]
    found = flip_rates(rule(), frame, groups, (SEX, AGE, both), 0.95, 1)
    single = max(found["sex"].value or 0, found["age"].value or 0)
    assert (found["sex_age"].value or 0) >= single - 0.02


def test_rows_of_an_unknown_group_are_left_out_and_one_group_compares_nothing() -> None:
    frame = people(20)
    groups = groups_of(frame)
    groups.loc[:4, "sex"] = "unknown"
    assert flip_rates(rule(), frame, groups, (SEX,), 0.95, 1)["sex"].n == 15
    groups["sex"] = "f"
    assert flip_rates(rule(), frame, groups, (SEX,), 0.95, 1)["sex"].undefined == "fewer than two groups are known"


def test_many_rows_are_sampled_and_the_same_each_time() -> None:
    frame = people(MOST_ROWS + 500)
    first = rates(frame, SEX)["sex"]
    assert first.n == MOST_ROWS
    assert rates(frame, SEX)["sex"] == first


def test_a_typical_value_of_a_group_is_its_most_frequent_category() -> None:
    columns = (ColumnSchema("status", "categorical"), *COLUMNS[:1])
    decided = rule(lambda rows: np.where(rows["status"] == "m2", 0.9, 0.1), columns=columns)
    frame = pd.DataFrame({"status": pd.Series(["w", "w", "m1", "m2", "m2"], dtype="str"), "income": 1.0})
    groups = pd.DataFrame({"sex": ["f", "f", "m", "m", "m"]})
    attribute = AttributeSchema("sex", ("status",), ("f", "m"))
    found = flip_rates(decided, frame, groups, (attribute,), 0.95, 1)["sex"]
    assert found.numerator == 4  # both women would be m2; both m2 would be w; m1 is decided like w


def test_the_group_that_decisions_need_is_swapped_together_with_the_columns_it_is_made_of() -> None:
    """The rule asks for women in column and group alike: swapping one of both alone would change nobody to a man."""
    frame = pd.DataFrame({"sex": ["f", "f", "m", "m"] * 25}, dtype="str")
    frame[GROUP + "sex"] = frame["sex"]
    columns = tuple(ColumnSchema(name, "categorical", categories=("f", "m"), sensitive=True) for name in frame.columns)

    def both_female(rows: pd.DataFrame) -> np.ndarray:
        return np.where((rows["sex"] == "f") & (rows[GROUP + "sex"] == "f"), 0.9, 0.1)

    def both_alike(rows: pd.DataFrame) -> np.ndarray:
        return np.where(rows["sex"] == rows[GROUP + "sex"], 0.9, 0.1)

    groups = pd.DataFrame({"sex": frame["sex"], "sex and city": frame["sex"] + np.tile(["n", "s"], 50)})
    attributes = (SEX, AttributeSchema("sex and city", ("sex", "city"), ("fn", "fs", "mn", "ms")))
    for score_of, expected in ((both_female, 1.0), (both_alike, 0.0)):
        asked = DecisionRule(columns, score_of, lambda scores: (scores >= 0.5).astype(np.int8), "positive", 0.5)
        found = flip_rates(asked, frame, groups, attributes, 0.95, 1)
        assert [found[name].value for name in ("sex", "sex and city")] == [expected, expected]
        assert found["sex"].method != BY_CONSTRUCTION
