from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from apps.ml.data.declaration import Split
from apps.ml.data.splits import Parts, broken_promises, divide
from apps.ml.errors import DataError

Labels = npt.NDArray[np.int8]


def split(method: str, **keys: Any) -> Split:
    return Split.model_validate({"method": method, "test": 0.2, "validation": 0.2, **keys})


RANDOM = split("random")
GROUP = split("group", column="g")
TIME = split("time", column="t")
GIVEN = Split.model_validate({"method": "given", "test_values": ["new"], "validation": 0.25})


def alternating(rows: int) -> Labels:
    return (np.arange(rows) % 2).astype(np.int8)


def divided(chosen: Split, labels: Labels, keys: pd.Series | None, seed: int) -> Parts:
    """Divide rows of a property test; the rare draw with one class in some part shows nothing."""
    try:
        return divide(chosen, labels, keys, seed)
    except DataError:
        reject()


def sizes(parts: dict[str, Any]) -> list[int]:
    return [len(parts[name]) for name in ("train", "validation", "test")]


@st.composite
def labels_and_keys(draw: st.DrawFn) -> tuple[Labels, npt.NDArray[np.int64]]:
    """Rows with few different keys, so that groups and moments are shared, enough of them for both classes anywhere."""
    rows = draw(st.integers(60, 200))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    keys = random.integers(0, draw(st.integers(20, 80)), rows)
    labels = (random.random(rows) < draw(st.floats(0.3, 0.7))).astype(np.int8)
    return labels, keys


def test_a_random_split_has_exact_sizes_and_keeps_the_share_of_positives() -> None:
    labels = (np.arange(1000) % 10 == 0).astype(np.int8)
    parts = divide(RANDOM, labels, None, seed=1)
    assert sizes(parts) == [600, 200, 200]
    assert [int(labels[parts[name]].sum()) for name in parts] == [60, 20, 20]


def test_the_same_seed_divides_alike_and_another_one_differently() -> None:
    labels = alternating(100)
    first, again, other = (divide(RANDOM, labels, None, seed)["test"].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_given_split_tests_on_the_named_part_and_validates_on_the_rest() -> None:
    keys = pd.Series(["old"] * 80 + ["new"] * 20)
    parts = divide(GIVEN, alternating(100), keys, seed=0)
    assert parts["test"].tolist() == list(range(80, 100))
    assert sizes(parts) == [60, 20, 20]


def test_a_test_value_that_no_row_has_is_an_error() -> None:
    with pytest.raises(DataError, match="no row has the test value 'new'"):
        divide(GIVEN, alternating(20), pd.Series(["old"] * 20), seed=0)


def test_time_goes_forward_from_train_to_test_whatever_the_order_of_rows() -> None:
    days = pd.Series(pd.date_range("2024-01-01", periods=100, freq="D"))
    order = np.random.default_rng(0).permutation(100)
    parts = divide(TIME, alternating(100), days.iloc[order].reset_index(drop=True), seed=0)
    assert sizes(parts) == [60, 20, 20]
    assert sorted(order[parts["train"]]) == list(range(60))
    assert sorted(order[parts["test"]]) == list(range(80, 100))


def test_equal_times_stay_together_even_at_the_cost_of_the_share() -> None:
    keys = pd.Series([1] * 50 + [2] * 40 + [3] * 10)
    assert sizes(divide(TIME, alternating(100), keys, seed=0)) == [50, 40, 10]


def test_fewer_moments_than_parts_cannot_be_divided() -> None:
    with pytest.raises(DataError, match="too few different values"):
        divide(TIME, alternating(40), pd.Series([1, 2] * 20), seed=0)


@pytest.mark.parametrize("chosen", [GROUP, TIME])
def test_a_missing_group_or_moment_is_an_error(chosen: Split) -> None:
    keys = pd.Series([float(one) for one in range(40)]).mask(lambda values: values < 3)
    with pytest.raises(DataError, match=r"needs every value \(3 rows\)"):
        divide(chosen, alternating(40), keys, seed=0)


def test_rows_too_few_for_both_classes_everywhere_are_an_error_that_names_the_parts() -> None:
    labels = np.array([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], dtype=np.int8)
    with pytest.raises(DataError, match=r"(?s)'validation' holds one class only.*'test' holds one class only"):
        divide(RANDOM, labels, None, seed=0)


def test_a_part_without_rows_is_an_error() -> None:
    with pytest.raises(DataError, match="'test' has no rows"):
        divide(Split(method="random", test=0.01, validation=0.3), alternating(20), None, seed=0)


def test_groups_of_one_row_are_divided_like_single_rows() -> None:
    labels = (np.arange(1000) % 4 == 0).astype(np.int8)
    parts = divide(GROUP, labels, pd.Series(np.arange(1000)), seed=0)
    assert sizes(parts) == [600, 200, 200]
    assert [int(labels[parts[name]].sum()) for name in ("validation", "test")] == [50, 50]


def test_a_broken_division_is_noticed() -> None:
    labels = alternating(6)
    halves = {"train": np.array([0, 1]), "validation": np.array([2, 3]), "test": np.array([4, 5])}
    assert broken_promises(RANDOM, halves, labels, None) == ()
    doubled = halves | {"test": np.array([3, 5])}
    assert [one.code for one in broken_promises(RANDOM, doubled, labels, None)] == ["split_rows"]
    shared = pd.Series([1, 2, 2, 3, 4, 4])
    assert [one.code for one in broken_promises(GROUP, halves, labels, shared)] == ["split_group"]
    backward = pd.Series([1, 2, 3, 4, 4, 5])
    assert [one.code for one in broken_promises(TIME, halves, labels, backward)] == ["split_time"]


@given(labels_and_keys(), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_a_random_split_is_disjoint_covering_and_balanced_within_a_row(
    rows: tuple[Labels, npt.NDArray[np.int64]], seed: int
) -> None:
    labels, _ = rows
    parts = divided(RANDOM, labels, None, seed)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(labels)))
    for name in ("test", "validation"):
        assert abs(len(parts[name]) - 0.2 * len(labels)) <= 0.5
        assert abs(labels[parts[name]].sum() - len(parts[name]) * labels.mean()) < 1.5


@given(labels_and_keys(), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_no_group_is_on_two_sides_and_the_shares_miss_by_at_most_one_group(
    rows: tuple[Labels, npt.NDArray[np.int64]], seed: int
) -> None:
    labels, keys = rows
    parts = divided(GROUP, labels, pd.Series(keys), seed)
    sides = {name: set(keys[positions].tolist()) for name, positions in parts.items()}
    assert sum(len(groups) for groups in sides.values()) == len(np.unique(keys))
    largest = np.bincount(keys).max()
    for name in ("test", "validation"):
        assert abs(len(parts[name]) - 0.2 * len(labels)) <= largest + 0.5


@given(labels_and_keys(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_rows_does_not_change_which_groups_are_where(
    rows: tuple[Labels, npt.NDArray[np.int64]], random: Any
) -> None:
    labels, keys = rows
    order = list(range(len(keys)))
    random.shuffle(order)
    before = divided(GROUP, labels, pd.Series(keys), seed=3)
    after = divided(GROUP, labels[order], pd.Series(keys[order]), seed=3)
    for name, positions in before.items():
        assert set(keys[positions].tolist()) == set(keys[order][after[name]].tolist())


@given(labels_and_keys())
@settings(max_examples=40, deadline=None)
def test_time_is_cut_between_moments_within_the_rows_of_one(rows: tuple[Labels, npt.NDArray[np.int64]]) -> None:
    labels, keys = rows
    parts = divided(TIME, labels, pd.Series(keys), seed=0)
    assert keys[parts["train"]].max() < keys[parts["validation"]].min()
    assert keys[parts["validation"]].max() < keys[parts["test"]].min()
    largest = np.bincount(keys).max()
    assert abs(len(parts["test"]) - 0.2 * len(labels)) <= largest + 0.5
    assert abs(len(parts["train"]) - 0.6 * len(labels)) <= largest + 1
