import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from apps.ml.evaluation.explanations.contributions.by_group import NO_GAP, contributions_by_group, gap_between
from apps.ml.evaluation.explanations.contributions.shap_values import Contributions
from apps.ml.parameters import ModelEvaluation
from apps.ml.tests.made_up_rules import groups_of

PARAMETERS = ModelEvaluation.model_validate({"seed": 1, "minimum_group_size": 2})
COLUMNS = ("a", "b", "c")


def contributions(values: np.ndarray, base: float = 0.3, reason: str | None = None) -> Contributions:
    columns = COLUMNS[: values.shape[1]]
    return Contributions("made up", "log-odds", columns, values, np.full(len(values), base), undefined=reason)


def drawn(rows: int = 200, seed: int = 0) -> Contributions:
    return contributions(np.random.default_rng(seed).normal(size=(rows, 3)) * [1.0, 0.5, 0.1])


def test_a_gap_by_hand() -> None:
    found = contributions(np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.0, 3.0], [-1.0, 1.0]]))
    groups = pd.DataFrame({"of": ["x", "x", "y", "y", "y"]})
    measured = contributions_by_group(found, groups, np.arange(5), PARAMETERS)["of"]
    assert measured.groups["y"].columns["b"].value == pytest.approx(5 / 3)
    assert measured.groups["y"].columns["a"].value == pytest.approx(1 / 3)
    gap = measured.widest
    assert gap is not None
    # Mean outputs: 2 and 4/3 above the base.
    assert (gap.high, gap.low) == ("x", "y")
    assert gap.gap.value == pytest.approx(2 / 3)
    assert gap.differences["a"].value == pytest.approx(7 / 3)
    assert gap.differences["b"].value == pytest.approx(-5 / 3)
    assert list(gap.differences) == ["a", "b"]
    assert gap.shares["a"].undefined == NO_GAP


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 60))
def test_differences_add_up_to_the_gap_whatever_the_contributions(seed: int, rows: int) -> None:
    generator = np.random.default_rng(seed)
    found = contributions(generator.normal(size=(rows, 3)) * 10 ** generator.uniform(-3, 3, 3))
    mask = np.arange(rows) % 2 == 0
    gap = gap_between(found, ("x", "y"), (mask, ~mask), 0.95)
    output = found.values.sum(axis=1) + found.base
    assert gap.gap.value == pytest.approx(output[mask].mean() - output[~mask].mean(), rel=1e-9, abs=1e-9)
    assert sum(one.value or 0 for one in gap.differences.values()) == pytest.approx(gap.gap.value, rel=1e-9, abs=1e-9)
    assert gap.additivity_error < 1e-9
    mirrored = gap_between(found, ("y", "x"), (~mask, mask), 0.95)
    assert mirrored.gap.value == pytest.approx(-(gap.gap.value or 0))


def test_intervals_are_welchs() -> None:
    found = drawn()
    mask = np.arange(200) < 70
    gap = gap_between(found, ("x", "y"), (mask, ~mask), 0.9)
    expected = ttest_ind(found.values[mask, 1], found.values[~mask, 1], equal_var=False).confidence_interval(0.9)
    assert gap.differences["b"].lower == pytest.approx(expected.low)
    assert gap.differences["b"].upper == pytest.approx(expected.high)


def test_shares_sum_to_one_and_their_intervals_hold_the_truth() -> None:
    held, draws = 0, 200
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        values = generator.normal(size=(120, 2))
        mask = np.arange(120) < 60
        values[mask] += [1.5, 0.5]
        gap = gap_between(contributions(values), ("x", "y"), (mask, ~mask), 0.95)
        share = gap.shares["a"]
        if share.value is None:
            continue
        assert sum(one.value or 0 for one in gap.shares.values()) == pytest.approx(1)
        assert share.lower is not None
        assert share.upper is not None
        held += share.lower <= 0.75 <= share.upper
    assert held >= 0.9 * draws


def test_shown_columns_and_the_others_give_the_gap() -> None:
    groups = groups_of(200)
    measured = contributions_by_group(drawn(), groups, np.arange(200), PARAMETERS)["sex"]
    assert measured.widest is not None
    content = measured.widest.to_dict(1)
    assert len(content["columns"]) == 1
    shown = next(iter(content["columns"].values()))["difference"]["value"]
    assert shown + content["other_columns"] == pytest.approx(content["gap"]["value"])


def test_small_and_unknown_groups_are_not_judged() -> None:
    parameters = ModelEvaluation.model_validate({"seed": 1, "minimum_group_size": 30})
    found = contributions_by_group(drawn(), groups_of(200), np.arange(200), parameters)
    assert found["sex"].groups["unknown"].why_not == "the group of these rows is unknown"
    assert found["place"].groups["island"].why_not == "5 explained rows are fewer than the minimum group size of 30"
    assert "columns" not in found["place"].groups["island"].to_dict(3)
    assert set(found["place"].against_reference) == {"city", "country"} - {found["place"].reference}


def test_every_judged_group_is_compared_with_the_largest_or_the_chosen_one() -> None:
    groups = pd.DataFrame({"of": ["x"] * 60 + ["y"] * 100 + ["z"] * 40})
    measured = contributions_by_group(drawn(), groups, np.arange(200), PARAMETERS)["of"]
    assert measured.reference == "y"
    assert [(one.high, one.low) for one in measured.against_reference.values()] == [("x", "y"), ("z", "y")]
    chosen = PARAMETERS.model_copy(update={"reference_groups": {"of": "z"}})
    assert contributions_by_group(drawn(), groups, np.arange(200), chosen)["of"].reference == "z"
    absent = PARAMETERS.model_copy(update={"reference_groups": {"of": "w"}})
    content = contributions_by_group(drawn(), groups, np.arange(200), absent)["of"].gaps_to_dict(3)
    assert content["reference"] == {"group": "w", "undefined": "there is no such group", "comparisons": {}}


def test_the_largest_group_is_that_of_all_rows_not_of_the_explained_ones() -> None:
    groups = pd.DataFrame({"of": ["x"] * 60 + ["y"] * 140})
    measured = contributions_by_group(drawn(100), groups, np.arange(100), PARAMETERS)["of"]
    assert measured.groups["x"].n > measured.groups["y"].n
    assert measured.reference == "y"


def test_undefined_contributions_and_a_single_group_have_no_gap() -> None:
    groups = groups_of(200)
    lying = contributions(drawn().values, reason="they do not add up")
    found = contributions_by_group(lying, groups, np.arange(200), PARAMETERS)["sex"]
    assert found.groups_to_dict(3) == found.gaps_to_dict(3) == {"undefined": "they do not add up"}
    single = contributions_by_group(drawn(), pd.DataFrame({"of": ["x"] * 200}), np.arange(200), PARAMETERS)["of"]
    assert single.gaps_to_dict(3) == {"undefined": "fewer than two groups have enough explained rows"}
    assert single.groups["x"].columns["a"].value is not None


def test_rows_may_come_in_any_order() -> None:
    found, groups = drawn(), groups_of(200)
    order = np.random.default_rng(3).permutation(200)
    one = contributions_by_group(found, groups, np.arange(200), PARAMETERS)["sex"]
    turned = contributions(found.values[order])
    two = contributions_by_group(turned, groups.iloc[order].reset_index(drop=True), np.arange(200), PARAMETERS)["sex"]
    assert one.widest is not None
    assert two.widest is not None
    for column in COLUMNS:
        assert one.widest.differences[column].value == pytest.approx(two.widest.differences[column].value)
    json.dumps(one.gaps_to_dict(3), allow_nan=False)
