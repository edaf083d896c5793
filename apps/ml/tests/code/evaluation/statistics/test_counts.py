import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.errors import DataError
from apps.ml.evaluation.statistics.counting.counts import CountTable, count, group_codes

ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from("abc")), min_size=1, max_size=60)


def counted(rows: list[tuple[int, int, str]]) -> CountTable:
    labels, decisions, groups = zip(*rows, strict=True)
    return count(labels, decisions, groups)


def weighted(counts: list[list[list[int]]], weight: float, labelled: bool = True, groups: str = "ab") -> CountTable:
    """A table in which every row has the same weight."""
    table = np.array(counts)
    return CountTable(tuple(groups[: len(table)]), table, table * weight, table * weight**2, labelled)


def test_rows_are_counted_by_group_label_and_decision() -> None:
    table = count([1, 1, 0, 0, 1], [1, 0, 1, 0, 1], ["f", "f", "m", "m", "m"])
    assert table.groups == ("f", "m")
    assert table.counts.tolist() == [[[0, 0], [1, 1]], [[1, 1], [0, 1]]]
    assert table.sizes.tolist() == [2, 3]
    assert table.rows == 5


def test_a_hundred_thousand_groups_are_named_in_time_that_grows_with_their_number() -> None:
    # In time that grows with its square this would take minutes.
    names, codes = group_codes([f"g{number:06}" for number in range(100_000)][::-1])
    assert names[:2] == ("g000000", "g000001")
    assert codes[0] == 99_999


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_one_pass_counts_what_a_loop_counts(rows: list[tuple[int, int, str]]) -> None:
    table = counted(rows)
    for group in table.groups:
        for label in (0, 1):
            for decision in (0, 1):
                expected = sum(row == (label, decision, group) for row in rows)
                assert table.of(group)[label, decision] == expected


@settings(max_examples=50, deadline=None)
@given(ROWS, ROWS)
def test_counts_of_two_parts_merge_to_the_counts_of_all(
    first: list[tuple[int, int, str]], second: list[tuple[int, int, str]]
) -> None:
    merged = counted(first).merge(counted(second))
    together = counted(first + second)
    assert merged.select(together.groups) == together


def test_a_missing_group_is_counted_as_unknown_and_shown_last() -> None:
    groups = pd.Series(["z", None, "unknown", "b"])
    table = count([1, 1, 0, 0], [1, 1, 1, 1], groups)
    assert table.groups == ("b", "z", "unknown")
    assert table.sizes.tolist() == [1, 1, 2]


def test_categories_keep_their_order_and_empty_ones_stay() -> None:
    groups = pd.Series(pd.Categorical(["old", None, "young"], categories=["young", "middle", "old"]))
    table = count([1, 0, 0], [1, 0, 0], groups)
    assert table.groups == ("young", "middle", "old", "unknown")
    assert table.sizes.tolist() == [1, 0, 1, 1]


def test_groups_that_are_numbers_are_named_as_they_are_written() -> None:
    assert count([1, 0], [1, 0], [2, 1]).groups == ("1", "2")


def test_no_rows_make_an_empty_table() -> None:
    table = count([], [], [])
    assert table.groups == ()
    assert table.rows == 0


def test_the_input_stays_unaltered_and_the_counts_cannot_be_changed() -> None:
    labels = np.array([0, 1])
    groups = pd.Series(["a", None])
    table = count(labels, labels, groups)
    assert labels.tolist() == [0, 1]
    assert groups.isna().tolist() == [False, True]
    with pytest.raises(ValueError, match="read-only"):
        table.counts[0] = 1


def test_a_table_survives_the_way_through_its_dict() -> None:
    table = count([1, 1, 0], [1, 0, 1], ["f", "f", "m"])
    assert CountTable.from_dict(table.to_dict()) == table
    assert CountTable.from_dict(json.loads(json.dumps(table.to_dict()))) == table
    nobody = CountTable((), np.zeros((0, 2, 2), dtype=np.int64))
    assert CountTable.from_dict(nobody.to_dict()) == nobody


def test_a_weighted_table_without_labels_survives_the_way_through_its_dict() -> None:
    table = weighted([[[2, 1], [0, 0]]], 1.5, labelled=False)
    content = table.to_dict()
    assert set(content) == {"groups", "labelled", "counts", "weights", "squares"}
    assert CountTable.from_dict(json.loads(json.dumps(content))) == table


def test_rates_are_made_of_weights_where_there_are_any() -> None:
    assert weighted([[[2, 1], [0, 0]]], 1.5).mass.tolist() == [[[3.0, 1.5], [0.0, 0.0]]]
    assert count([1], [1], ["a"]).mass.tolist() == [[[0, 0], [0, 1]]]


def test_selecting_padding_and_pooling_carry_the_weights_along() -> None:
    table = weighted([[[2, 1], [0, 0]], [[0, 0], [3, 4]]], 0.5)
    assert table.select(["b"]) == weighted([[[0, 0], [3, 4]]], 0.5, groups="b")
    assert table.together().mass.tolist() == [[[1.0, 0.5], [1.5, 2.0]]]
    assert table.padded(["b", "c", "a"]).counts[:, 0, 0].tolist() == [0, 0, 2]
    assert table.padded(["b", "c", "a"]).select(table.groups) == table


def test_weighted_tables_merge_cell_by_cell() -> None:
    merged = weighted([[[2, 1], [0, 0]]], 0.5).merge(weighted([[[1, 0], [0, 1]]], 2.0))
    assert merged.counts.tolist() == [[[3, 1], [0, 1]]]
    assert merged.mass.tolist() == [[[3.0, 0.5], [0.0, 2.0]]]


@pytest.mark.parametrize("other", ["weighted", "unlabelled"])
def test_tables_counted_differently_do_not_merge(other: str) -> None:
    plain = count([0, 0], [1, 0], ["a", "a"])
    others = {
        "weighted": weighted([[[1, 1], [0, 0]]], 2.0),
        "unlabelled": CountTable(("a",), plain.counts, labelled=False),
    }
    assert plain != others[other]
    with pytest.raises(DataError, match="Count both in the same way"):
        plain.merge(others[other])


def test_sums_of_weights_need_sums_of_squares() -> None:
    with pytest.raises(ValueError, match="come with sums of their squares"):
        CountTable(("a",), np.zeros((1, 2, 2), dtype=np.int64), weights=np.zeros((1, 2, 2)))


def test_tables_with_other_names_or_counts_differ() -> None:
    table = count([1], [1], ["a"])
    assert table != count([1], [1], ["b"])
    assert table != count([1], [0], ["a"])


def test_an_absent_group_is_named_with_those_that_exist() -> None:
    with pytest.raises(DataError, match=r"there is no group 'x'\. Use one of: f, m"):
        count([1, 0], [1, 0], ["f", "m"]).select(["x"])


@pytest.mark.parametrize(
    ("groups", "counts"),
    [(("a",), np.zeros((2, 2, 2))), (("a", "a"), np.zeros((2, 2, 2))), (("a",), np.zeros((1, 4)))],
)
def test_counts_that_do_not_fit_the_groups_are_refused(groups: tuple[str, ...], counts: np.ndarray) -> None:
    with pytest.raises(ValueError, match="one 2 × 2 block"):
        CountTable(groups, counts)


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        CountTable(("a",), np.full((1, 2, 2), -1))


def test_groups_of_another_length_are_refused() -> None:
    with pytest.raises(DataError, match="labels 2, groups 1"):
        count([1, 0], [1, 0], ["a"])
    with pytest.raises(DataError, match="labels 2, decisions 1"):
        count([1, 0], [1], ["a", "b"])
